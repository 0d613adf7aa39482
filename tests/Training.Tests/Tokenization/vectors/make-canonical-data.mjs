// Copyright (c) FedCloud contributors. Licensed under the MIT License.
// Asks the reference for everything that normalization form C needs, and prints CanonicalData.cs:
//   node make-canonical-data.mjs > ../../../../silo-agent/Training/Tokenization/CanonicalData.cs
import tokenizers from 'tokenizers';

const nfd = tokenizers.nfdNormalizer();
const nfc = tokenizers.nfcNormalizer();
const decomposed = text => nfd.normalizeString(text);
const composed = text => nfc.normalizeString(text);
const HANGUL = [0xac00, 0xd7a3];
const LINE = 120;

const characters = [];
for (let c = 0x80; c < 0x110000; c++) {
    if ((c < 0xd800 || c > 0xdfff) && (c < HANGUL[0] || c > HANGUL[1])) characters.push(c);
}

// Combining classes, as ranks: only their order matters. A mark with a class moves before a higher one
// (U+0345 has the highest class, 240) or after a lower one (U+0334 has the lowest, 1).
const order = (first, second) => decomposed('a' + first + second) !== 'a' + first + second;
const marks = characters
    .map(c => String.fromCodePoint(c))
    .filter(x => decomposed(x) === x && (order('\u0345', x) || order(x, '\u0334') || x === '\u0334' || x === '\u0345'));
const groups = [];
for (const mark of marks) {
    const group = groups.find(g => !order(mark, g[0]) && !order(g[0], mark));
    if (group) group.push(mark); else groups.push([mark]);
}
groups.sort((a, b) => (order(a[0], b[0]) ? 1 : -1));

const bytes = [];
const number = n => {
    for (; n >= 0x80; n >>>= 7) bytes.push((n & 0x7f) | 0x80);
    bytes.push(n);
};

// Runs of marks of one rank: distance from the last run's end, length, rank.
const rank = new Map(groups.flatMap((group, i) => group.map(mark => [mark.codePointAt(0), i + 1])));
const runs = [];
for (const c of [...rank.keys()].sort((a, b) => a - b)) {
    const last = runs.at(-1);
    if (last && last.start + last.length === c && last.rank === rank.get(c)) last.length++;
    else runs.push({ start: c, length: 1, rank: rank.get(c) });
}
number(runs.length);
runs.reduce((end, run) => { number(run.start - end); number(run.length); number(run.rank); return run.start + run.length; }, 0);

// Decompositions: distance from the last character, length doubled (odd when the parts compose again), the parts.
// What composes is kept as its last step, a pair; what does not, in full.
const changing = characters.filter(c => decomposed(String.fromCodePoint(c)) !== String.fromCodePoint(c));
number(changing.length);
let previous = 0;
for (const c of changing) {
    const text = String.fromCodePoint(c);
    const full = [...decomposed(text)];
    const composes = composed(text) === text;
    const parts = composes ? [composed(full.slice(0, -1).join('')), full.at(-1)] : full;
    if (parts.some(part => [...part].length !== 1)) throw new Error(`U+${c.toString(16)} does not compose in steps`);
    number(c - previous);
    number(parts.length * 2 + (composes ? 1 : 0));
    parts.forEach(part => number(part.codePointAt(0)));
    previous = c;
}

const base64 = Buffer.from(bytes).toString('base64').match(new RegExp(`.{1,${LINE}}`, 'g'));
process.stdout.write(`// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Training.Tokenization;

/// <summary>Unicode's canonical decompositions and combining classes, without Hangul's.</summary>
/// <remarks>
/// Made by tests/Training.Tests/Tokenization/vectors/make-canonical-data.mjs from the reference, which knows Unicode 9:
/// a model's tokens were made with these. The Unicode Consortium's data files are under the Unicode License v3.
/// </remarks>
internal static class CanonicalData
{
    /// <summary>
    /// Numbers in LEB128. Runs of marks: how many; each with its distance from the end of the last, its length and the rank of its class.
    /// Then decompositions: how many; each with its distance from the last, twice the number of its parts, plus one when they compose again, and the parts.
    /// </summary>
    public const string Base64 = """
${base64.map(line => '        ' + line).join('\n')}
        """;
}
`);
console.error(`${groups.length} classes, ${marks.length} marks in ${runs.length} runs, ${changing.length} decompositions, ${bytes.length} bytes`);
