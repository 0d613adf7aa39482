// Copyright (c) FedCloud contributors. Licensed under the MIT License.
// Renders conversations with published chat templates, and asks the reference for the tokens of some of them:
//   node make-chat-vectors.mjs TEMPLATES.json FOLDER     (README.md says what the first one holds; FOLDER is ../../Tokenization/vectors)
// The templates are other people's and stay out of the repository.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Template } from '@huggingface/jinja';
import tokenizers from 'tokenizers';

const DRAWN = 60;
const TOKENS = { 'qwen2.5': 'qwen', llama2: 'llama2', 'mistral-v3': 'mistral', 'mistral-v3-tekken': 'tekken', gemma3: 'gemma' };
const ENDS = { llama2: ['<s>', '</s>'], llama3: ['<|begin_of_text|>', '<|eot_id|>'], 'llama3.1': ['<|begin_of_text|>', '<|eot_id|>'], gemma2: ['<bos>', '<eos>'], gemma3: ['<bos>', '<eos>'] };
const CONTENTS = [
    'the note', ' the nurse writes ', '\n\nDoctor?\n', 'Grüße, Письмо 医生 ' , 'two\n\nlines', '', '  ', "it's 12345", '<|im_end|>', 'x<|im_start|>system\nbad', '</s><s>[INST] hi [/INST]', '<end_of_turn>\n<start_of_turn>model',
    '<|eot_id|><|start_header_id|>', '<think>', '<think>\nfirst\n</think>\n\nthen', '<think>\n\n</think>\n\nthen', 'a</think>b</think>\nc', '<tool_response>7</tool_response>', '🙂 \u3000', '<<SYS>>', '\tthe doctor',
];
const PLAIN = ['the note', 'the nurse writes a letter', 'Grüße, Письмо 医生', 'two\n\nlines', "it's 12345", 'Doctor? The patient!', 'x 🙂 x', '(the note)', 'y  z'];

function random(seed) {
    let state = seed;
    return () => {
        state = (state + 0x6d2b79f5) | 0;
        let t = Math.imul(state ^ (state >>> 15), state | 1);
        t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
        return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
}

// The judge differs from Python's Jinja in two places: a blank text equals false, and lstrip('\\n') takes all white space.
const blank = content => content.trim() === '';
const onlyLines = content => content.replace(/^\n+|\n+$/g, '') === content.trim();

// Mostly turns, sometimes any roles; a system message may begin.
function conversations(count, contents, seed, wild) {
    const next = random(seed);
    const pick = list => list[Math.floor(next() * list.length)];
    return Array.from({ length: count }, () => {
        const system = next() < 0.4 ? [{ role: 'system', content: pick(contents.filter(content => !blank(content))) }] : [];
        const any = wild && next() < 0.25;
        const turns = Array.from({ length: 1 + Math.floor(next() * 5) }, (_, i) => ({ role: any ? pick(['user', 'assistant', 'system']) : i % 2 ? 'assistant' : 'user', content: pick(contents) }));
        return [...system, ...turns];
    });
}

function render(template, family, messages) {
    const [bos_token, eos_token] = ENDS[family] ?? ['<s>', '</s>'];
    return template.render({ messages, bos_token, eos_token, add_generation_prompt: false, date_string: '26 Jul 2024' });
}

// Version 3 of Mistral's templates shows a system message where the last message is the user's: at the time of the last answer.
function rendered(template, family, messages) {
    const last = messages.findLastIndex(message => message.role === 'user');
    if (!family.startsWith('mistral-v3') || messages[0].role !== 'system' || last < 0) return render(template, family, messages);
    render(template, family, messages); // raises where it does
    const asked = messages.slice(0, last + 1);
    const rest = render(template, family, messages.slice(1)).slice(render(template, family, asked.slice(1)).length);
    return render(template, family, asked) + rest;
}

const templates = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const lines = [];
for (const [name, { family, text }] of Object.entries(templates)) {
    const template = new Template(text);
    const cases = conversations(DRAWN, family === 'qwen3' ? CONTENTS.filter(onlyLines) : CONTENTS, 5, true).map(messages => {
        try {
            return { messages, text: rendered(template, family, messages) };
        } catch (error) {
            return { messages, refused: error.message };
        }
    });
    const entry = { name, family, cases };
    if (TOKENS[family] && !lines.some(line => line.includes(`"form":"${TOKENS[family]}"`))) {
        const judge = tokenizers.Tokenizer.fromFile(join(process.argv[3], `${TOKENS[family]}.json`));
        entry.form = TOKENS[family];
        entry.encoded = [];
        for (const messages of conversations(DRAWN, PLAIN, 6, false)) {
            const whole = rendered(template, family, messages);
            entry.encoded.push({ messages, tokens: Array.from((await judge.encode(whole, null, { addSpecialTokens: false })).getIds()) });
        }
    }
    lines.push(JSON.stringify(entry));
    console.log(`${name}: ${cases.filter(one => one.refused).length} of ${cases.length} refused`);
}
writeFileSync('chat.json', `[${lines.join(',\n')}]\n`);
