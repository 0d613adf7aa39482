// Copyright (c) FedCloud contributors. Licensed under the MIT License.
// Derives the other tokenizers from gpt2.json and text.txt and writes what the reference makes of many texts:
//   node make-vectors.mjs FOLDER     (the folder holds gpt2.json and text.txt; the results go there too)
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import tokenizers from 'tokenizers';
import { sentencePieceForms } from './sentencepiece.mjs';
import { MARKERS, random, texts } from './texts.mjs';

const FOLDER = process.argv[2];
const LLAMA3 = String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;
const QWEN = LLAMA3.replace('{1,3}', '');
const TEKKEN = String.raw`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`;
const DRAWN = 260;
const MORE = 380;
const PIECES = 9;
const DECODED = 80;

const base = JSON.parse(readFileSync(join(FOLDER, 'gpt2.json'), 'utf8'));
const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false };
const added = (id, content, special, normalized) => ({ id, content, single_word: false, lstrip: false, rstrip: false, normalized, special });

// Llama 3's form: its pattern, words of the vocabulary without merges, and a token that begins a text.
function llama3() {
    const form = structuredClone(base);
    const vocabulary = form.model.vocab;
    for (const word of ['Ġdoctor', 'Patient', '89', '...', 'åĮ»çĶŁ']) vocabulary[word] ??= Object.keys(vocabulary).length;
    const next = Object.keys(vocabulary).length;
    form.model.ignore_merges = true;
    form.pre_tokenizer = { type: 'Sequence', pretokenizers: [{ type: 'Split', pattern: { Regex: LLAMA3 }, behavior: 'Isolated', invert: false }, byteLevel] };
    form.added_tokens = [added(next, '<|begin|>', true, false), added(next + 1, '<|endoftext|>', true, false), added(next + 2, '<|begin|>s', false, false), added(next + 3, 'plain word', false, true), added(next + 4, '\ufffd!', false, false)];
    form.post_processor = { type: 'Sequence', processors: [{ ...byteLevel, use_regex: true }, template('<|begin|>', next)] };
    return form;
}

// Form C, and added tokens that are looked for after it; some are also part of others that are looked for before it.
function composing() {
    const form = llama3();
    const next = Object.keys(form.model.vocab).length;
    form.normalizer = { type: 'Sequence', normalizers: [{ type: 'NFC' }] };
    form.added_tokens = [added(next, '<|begin|>', true, false), added(next + 1, 'A\u030a漢', false, true), added(next + 2, '漢', false, false), added(next + 3, 'g\u0301!', false, true), added(next + 4, 'ǵ!', true, false), added(next + 5, '<|beginning|>', true, true), added(next + 6, 'k\u0301?', true, true)];
    form.post_processor = template('<|begin|>', next);
    return form;
}

// Letters of the bytes 0xC2 and 0xAA are missing; their own bytes stand in for them.
function fallback() {
    const form = structuredClone(base);
    const missing = ['Â', 'ª'];
    const kept = Object.keys(form.model.vocab).filter(token => !missing.some(letter => token.includes(letter)));
    const bytes = Array.from({ length: 256 }, (_, b) => `<0x${b.toString(16).toUpperCase().padStart(2, '0')}>`);
    form.model.vocab = Object.fromEntries([...kept, ...bytes].map((token, id) => [token, id]));
    form.model.merges = form.model.merges.filter(merge => !missing.some(letter => merge.includes(letter)));
    form.model.byte_fallback = true;
    form.added_tokens[0].id = kept.length + bytes.length;
    return form;
}

// Qwen's form: form C, each digit a word, markers of which some are not special.
function qwen() {
    const form = structuredClone(base);
    delete form.model.vocab['<|endoftext|>'];
    const next = Object.keys(form.model.vocab).length;
    form.normalizer = { type: 'NFC' };
    form.pre_tokenizer = { type: 'Sequence', pretokenizers: [{ type: 'Split', pattern: { Regex: QWEN }, behavior: 'Isolated', invert: false }, byteLevel] };
    form.added_tokens = [added(next, '<|endoftext|>', true, false), added(next + 1, '<|im_start|>', true, false), added(next + 2, '<|im_end|>', true, false), added(next + 3, '<tool>', false, false)];
    form.post_processor = byteLevel;
    return form;
}

// Mistral's newer form: its pattern, and added tokens that are the vocabulary's first ones.
function tekken() {
    const form = structuredClone(base);
    const first = ['<unk>', '<s>', '</s>', '[INST]', '[/INST]'];
    const words = ['Patient', 'Ġnurse', '12'];
    form.model.vocab = Object.fromEntries([...first, ...Object.keys(base.model.vocab).filter(token => token !== '<|endoftext|>'), ...words].map((token, id) => [token, id]));
    form.model.ignore_merges = true;
    form.pre_tokenizer = { type: 'Sequence', pretokenizers: [{ type: 'Split', pattern: { Regex: TEKKEN }, behavior: 'Isolated', invert: false }, byteLevel] };
    form.added_tokens = first.map((token, id) => added(id, token, true, false));
    form.post_processor = template('<s>', 1);
    return form;
}

function template(token, id) {
    return {
        type: 'TemplateProcessing',
        single: [{ SpecialToken: { id: token, type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
        pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }],
        special_tokens: { [token]: { id: token, ids: [id], tokens: [token] } },
    };
}

// JSON cannot hold a lone surrogate that every reader takes: such a text is an array of its UTF-16 units.
const written = text => (text.isWellFormed() ? text : Array.from({ length: text.length }, (_, i) => text.charCodeAt(i)));

async function describe(form, all) {
    const judge = tokenizers.Tokenizer.fromString(JSON.stringify(form));
    const splitter = judge.getPreTokenizer();
    const next = random(11);
    const top = judge.getVocabSize(true) + 3;
    const drawn = () => {
        const kind = next();
        return kind < 0.6 ? Math.floor(next() * 256) : kind < 0.8 ? Math.floor(next() * top) : top - 1 - Math.floor(next() * 10);
    };
    const decoded = Array.from({ length: DECODED }, () => Array.from({ length: Math.floor(next() * 12) }, drawn));
    return {
        tokens: await Promise.all(all.map(async text => Array.from((await judge.encode(text, null, { addSpecialTokens: false })).getIds()))),
        start: Array.from((await judge.encode('', null, { addSpecialTokens: true })).getIds()),
        // The UTF-8 length of each word, before merging and with added tokens as plain text.
        words: form.decoder.type !== 'ByteLevel' ? undefined : all.map(text => splitter.preTokenizeString(text).map(([word]) => [...word].length)),
        decoded: await Promise.all(decoded.map(async ids => ({ ids, all: await judge.decode(ids, false), plain: await judge.decode(ids, true) }))),
    };
}

// One byte a character: 0 other, 1 letter, 2 number, 3 space; surrogates 0.
function classes() {
    const split = tokenizers.byteLevelPreTokenizer(false, true);
    const joins = (before, text) => split.preTokenizeString(before + text).length === 1;
    const bytes = Buffer.alloc(0x110000);
    for (let c = 0; c < 0x110000; c++) {
        if (c >= 0xd800 && c <= 0xdfff) continue;
        const text = String.fromCodePoint(c);
        bytes[c] = joins('a', text) ? 1 : joins('1', text) ? 2 : joins('!', text) ? 0 : 3;
    }
    return bytes;
}

// One byte a character: 1 where it may end a word of Mistral's pattern, 2 where it may go on in one of capitals.
function cases(form) {
    const split = tokenizers.Tokenizer.fromString(JSON.stringify(form)).getPreTokenizer();
    const joins = (before, text) => split.preTokenizeString(before + text).length === 1;
    const bytes = Buffer.alloc(0x110000);
    for (let c = 0; c < 0x110000; c++) {
        if (c >= 0xd800 && c <= 0xdfff) continue;
        const text = String.fromCodePoint(c);
        bytes[c] = (joins('a', text) ? 1 : 0) + (joins('B', text) ? 2 : 0);
    }
    return bytes;
}

// Each character below the unused planes in form C, alone and with marks before and behind it, a line each.
function composed() {
    const nfc = tokenizers.nfcNormalizer();
    const hash = createHash('sha256');
    for (let c = 0; c < 0x30000; c++) {
        if (c >= 0xd800 && c <= 0xdfff) continue;
        const text = String.fromCodePoint(c);
        hash.update(nfc.normalizeString(`${text}\n\u1100${text}\u0323\u0301\na\u0345${text}\u0334\n`));
    }
    return hash.digest('hex');
}

const all = [...texts(DRAWN, PIECES), ...texts(MORE, PIECES, 23, MARKERS.flatMap(marker => [marker, marker])).slice(-MORE)];
const forms = {
    gpt2: base, llama3: llama3(), nfc: composing(), fallback: fallback(), qwen: qwen(), tekken: tekken(),
    ...sentencePieceForms(readFileSync(join(FOLDER, 'text.txt'), 'utf8').repeat(2), added, template),
};
const sha256 = bytes => createHash('sha256').update(bytes).digest('hex');
const vectors = { reference: 'npm tokenizers 0.23.2', texts: all.map(written), classes: sha256(classes()), cases: sha256(cases(forms.tekken)), composed: composed() };
for (const [name, form] of Object.entries(forms)) {
    if (form !== base) writeFileSync(join(FOLDER, `${name}.json`), JSON.stringify(form) + '\n');
    vectors[name] = await describe(form, all);
}
const lines = Object.entries(vectors).map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`);
writeFileSync(join(FOLDER, 'vectors.json'), `{${lines.join(',\n')}}\n`);
