// Copyright (c) FedCloud contributors. Licensed under the MIT License.
// Texts for comparing tokenizers, the same in every run: hand-picked ones, then random strings of awkward pieces.

const PIECES = [
    'the', ' the', ' note', 'Patient', ' nurse', ' doctor', "don't", "DON'T", "'s", "'S", "'ll", "'Ll", "'re", "'RE", "'ve", "'vE", "'m", "'M", "'d", "'t", "'x", "'", "''", '\u2019s',
    "'\u017f", '\u017f', '1', '12', '123', '4567', '89012345', ' 7', '٣٤٥', '१२३', '½', 'Ⅳ', '²', '𝟗𝟘𝟙𝟚', ' ', '  ', '   ', '       ', '\t', '\t\t', '\n', '\n\n', '\r\n', '\r', '\v', '\f',
    ' \n', '\n ', ' \t\n ', '\u0085', '\u00a0', '\u1680', '\u2003', '\u2028', '\u2029', '\u202f', '\u205f', '\u3000', '\u200b', '\u180e', '\ufeff', '\u0000', '\u0007', '\u001c', '\u001f', '\u007f', '\u009f',
    'Grüße', 'Ärztin', 'e\u0301', 'a\u0308\u0323', 'a\u0323\u0308', '\u0301', 'é', 'Å', '\u212b', '\u2126', 'ﬁ', 'ǅ', 'ß', 'İ', 'врач', 'Письмо', 'Ω', '医生', '写信。', 'かがみ', 'カ\u3099', 'ｶﾞ', '한국', '\u1112\u1161\u11ab',
    'الطبيب', 'تقرأ', 'עברית', 'שָׁלוֹם', 'डॉक्टर', 'क्ष', 'ไทย', 'ກຳ', 'தமிழ்', '\u0f73', '\u0958', '\u09cb', '𐌰𐌱', '𝐀𝐁', '𝒳', '𠀀', '\u{2f800}', '\u{1d15e}', '\u{110ab}', '\u{105d2}\u0307', '🙂', '👩‍⚕️', '👍🏽', '🇩🇪', '❤️', '\u{e0061}', '\ufe0f', '\u200d',
    '!', '...', '?!', ' (', ')', '_', 'x_y', '---', ' ===', '#', '€', '"', '\\', '/', '<', '>', '<|', '|>', '\ufffd', '\uffff', '\u{10ffff}', '\ue000',
    '<|endoftext|>', '<|begin|>', '<|begin|>s', '<|beginning|>', '<|be', 'endoftext', '<0xC2>', 'Å漢', 'A\u030a漢', 'plain word', 'ǵ!', 'g\u0301!', 'ḱ?', 'k\u0301?',
];

const PICKED = [
    '', ' ', '\n', 'a', "'", "'s", "it's IT'S 'S's", ' '.repeat(40), ' '.repeat(17) + 'x', '\n'.repeat(12), '\r\n'.repeat(5) + '  y', '1'.repeat(31), '٣'.repeat(10), '𝟗'.repeat(7), 'a'.repeat(90), 'é'.repeat(70),
    '医'.repeat(33), '🙂'.repeat(20), '\u0301'.repeat(9), 'e' + '\u0301\u0323\u0345\u0334'.repeat(6), '\u0000'.repeat(5), '!'.repeat(50), '\t'.repeat(9) + '!', 'x \u3000\u3000y', ' \u0301a', '!\u0301a', '\u{1d15e}\u{1d15f}x',
    'The nurse writes a note for every patient. She doesn\'t copy the old note; she\'ll write a new one.', 'if (x == 10)\n{\n\treturn y[3];   // done\n}\n', 'https://example.org/a?b=c&d=%20', 'They\'Ve I\'M we\'D you\'rE \'Tis',
    '<|begin|>the note<|endoftext|>', '<|endoftext|><|endoftext|>', ' <|endoftext|> the', '<|endoftext', 'plain wordplain wordy', '\u1100\u1161\u11a8\u11a8\uac00\u11a7\uac01\u11a8', '\u0344\u0f73\u0f75\u0340', '\u09c7\u09be\u09d7', 'a\u{16ff0}\u0323', 'a\u0300', 'the doctor',
];

// Surrogates without a partner.
const BROKEN = ['\ud83d', '\ude42', 'a\ud83db', '\ude42\ud83d', '\ud83d\ud83d\ude42', 'x\udc00\ud800', '\ud800\u0301', "'\udfff", ' \ud83d ', '\ud83d!', '\ufffd!\udc00!', '<|endoftext|>\ud800<|endoftext|>'];

/** Numbers below 1 from a seed (mulberry32, public domain). */
export function random(seed) {
    let state = seed;
    return () => {
        state = (state + 0x6d2b79f5) | 0;
        let t = Math.imul(state ^ (state >>> 15), state | 1);
        t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
        return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
}

/** Pieces that families of tokenizers treat in ways of their own: their markers, U+2581, runs of spaces and of lines, letters in both cases. */
export const MARKERS = [
    '<s>', '</s>', '<unk>', '\u2581', '\u2581\u2581', ' \u2581', '<0x41>', '<0xE2>', '[INST]', '[/INST]', ' [INST] ', '<start_of_turn>', '<end_of_turn>', '<bos>', '<eos>', '<tool>', '<|im_start|>', '<|im_end|>', '\n\n\n', '    ', 'the  note',
    'camelCase', 'HTTPServer', 'ÉCOLE', 'écoleÉcole', 'ǅungla', 'ʰa', 'Aʰ', 'a\u0301B', 'B\u0301a', '\u0301B', 'X\u20ddy', '//', '!/\n', 'nurse', 'doctor', 'ᾈ', 'ªº', 'Ⅷ',
];

/** Hand-picked texts, then as many random ones as asked for, of at most so many pieces. */
export function texts(count, pieces, seed = 7, more = []) {
    const next = random(seed);
    const from = [...PIECES, ...more];
    const pick = () => (next() < 0.03 ? String.fromCodePoint(scalar(next)) : from[Math.floor(next() * from.length)]);
    const drawn = Array.from({ length: count }, () => Array.from({ length: 1 + Math.floor(next() * pieces) }, pick).join(''));
    return [...PICKED, ...BROKEN, ...drawn];
}

function scalar(next) {
    const point = Math.floor(next() * (next() < 0.5 ? 0x3000 : 0x110000));
    return point >= 0xd800 && point <= 0xdfff ? 0x41 : point;
}
