// Copyright (c) FedCloud contributors. Licensed under the MIT License.
// Small vocabularies as SentencePiece's BPE makes them: pieces of most frequent pairs, single characters, all bytes.

const SPACE = '\u2581';
const bytes = Array.from({ length: 256 }, (_, b) => `<0x${b.toString(16).toUpperCase().padStart(2, '0')}>`);

/** Vocabulary and merges. With `across`, pieces may hold a space inside, as no published vocabulary does on purpose. */
export function learn(text, leading, count, across) {
    const spaced = text.replaceAll(' ', SPACE);
    const words = (across ? spaced.match(/.{1,60}/gsu) : spaced.match(/\u2581*[^\u2581]*/gu)).filter(word => word.length > 0).map(word => [...word]);
    const letters = [...new Set([SPACE, ...words.flat()])].filter(letter => letter !== 'q' && letter !== '\u533b').sort();
    const merges = [];
    const made = new Set(letters);
    const join = (a, b) => { merges.push([a, b]); made.add(a + b); };
    join(SPACE, SPACE);
    join(SPACE + SPACE, SPACE + SPACE);
    while (merges.length < count) {
        const counts = new Map();
        for (const word of words) {
            for (let i = 0; i + 1 < word.length; i++) {
                if (!made.has(word[i]) || !made.has(word[i + 1])) continue;
                const pair = `${word[i]} ${word[i + 1]}`;
                counts.set(pair, (counts.get(pair) ?? 0) + 1);
            }
        }
        const best = [...counts].filter(([, n]) => n > 1).sort((x, y) => y[1] - x[1] || (x[0] < y[0] ? -1 : 1))[0];
        if (!best) break;
        const [a, b] = best[0].split(' ');
        join(a, b);
        words.forEach(word => { for (let i = 0; i + 1 < word.length; i++) if (word[i] === a && word[i + 1] === b) word.splice(i, 2, a + b); });
    }
    const vocabulary = [...new Set([...leading, ...bytes, ...merges.map(([a, b]) => a + b), ...letters])];
    return { vocab: Object.fromEntries(vocabulary.map((token, id) => [token, id])), merges };
}

const replace = (from, to) => ({ type: 'Replace', pattern: { String: from }, content: to });
const decoder = strip => ({ type: 'Sequence', decoders: [replace(SPACE, ' '), { type: 'ByteFallback' }, { type: 'Fuse' }, ...(strip ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : [])] });
const file = (model, rest) => ({
    version: '1.0', truncation: null, padding: null, added_tokens: [], normalizer: null, pre_tokenizer: null, post_processor: null, decoder: decoder(true), ...rest,
    model: { type: 'BPE', dropout: null, unk_token: '<unk>', continuing_subword_prefix: null, end_of_word_suffix: null, fuse_unk: true, byte_fallback: true, ignore_merges: false, ...model },
});

/** The forms of the published files of Llama 2 and Mistral (old and new) and of Gemma. */
export function sentencePieceForms(text, added, template) {
    const start = ['<unk>', '<s>', '</s>'];
    const plain = learn(text, start, 260, false);
    const tokens = normalized => start.map((token, id) => added(id, token, true, normalized));
    const prepend = { type: 'Sequence', normalizers: [{ type: 'Prepend', prepend: SPACE }, replace(' ', SPACE)] };
    const metaspace = (prepend_scheme, split) => ({ type: 'Metaspace', replacement: SPACE, prepend_scheme, split });
    const inst = learn(text, [...start, '[INST]', '[/INST]'], 200, false);
    const gemmaStart = ['<pad>', '<eos>', '<bos>', '<unk>', '<start_of_turn>', '<end_of_turn>', '\n\n', '\n\n\n', SPACE + SPACE, '<tool>'];
    const gemma = learn(text, gemmaStart, 260, true);
    return {
        llama2: file(plain, { normalizer: prepend, added_tokens: tokens(false), post_processor: template('<s>', 1) }),
        'llama2-normalized': file(plain, { normalizer: prepend, added_tokens: [...tokens(true), added(Object.keys(plain.vocab).length, 'the  note', false, true)], post_processor: template('<s>', 1) }),
        mistral: file(inst, { pre_tokenizer: metaspace('first', false), added_tokens: ['<unk>', '<s>', '</s>', '[INST]', '[/INST]'].map((token, id) => added(id, token, true, false)), post_processor: template('<s>', 1) }),
        'metaspace-always': file(plain, { pre_tokenizer: metaspace('always', true), added_tokens: [...tokens(false), added(Object.keys(plain.vocab).length, 'nurse', false, true)], decoder: decoder(false) }),
        'metaspace-never': file(gemma, { pre_tokenizer: metaspace('never', false), added_tokens: [added(2, '<bos>', true, false)] }),
        gemma: file(gemma, {
            normalizer: replace(' ', SPACE), pre_tokenizer: { type: 'Split', pattern: { String: ' ' }, behavior: 'MergedWithPrevious', invert: false }, decoder: decoder(false), post_processor: template('<bos>', 2),
            added_tokens: gemmaStart.map((token, id) => added(id, token, !/^[\n\u2581]|tool/.test(token), false)),
        }),
    };
}
