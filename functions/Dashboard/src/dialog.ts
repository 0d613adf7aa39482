// Copyright (c) FedCloud contributors. Licensed under the MIT License.

import { Refusal } from './api';
import { element } from './dom';
import { Failure } from './verify/failure';

export interface Asked {
  readonly title: string;
  readonly content: readonly Node[];
  /** What its button does, in words. */
  readonly action: string;
  readonly leave: string;
  readonly act: () => Promise<void>;
}

/** A button that asks before it does anything. Its id is how it is found again: the page may have been drawn anew meanwhile. */
export function askingButton(id: string, label: string, asked: () => Asked): HTMLButtonElement {
  const button = element('button', { id, type: 'button', 'aria-haspopup': 'dialog' }, label);
  button.addEventListener('click', () => open(asked(), id));
  return button;
}

/** What was refused, and what to do next. */
export function refusal(error: unknown): HTMLElement {
  const { code, message, next } = told(error);
  return element('p', { class: 'refused' }, element('code', {}, code), `: ${message}.${next === '' ? '' : ` Next: ${next}.`}`);
}

// Beside the page, whose content changes every few seconds. Where no field wants the focus, it begins at what does nothing.
function open({ title, content, action, leave, act }: Asked, opener: string): void {
  const problem = element('div', { role: 'alert' });
  const button = element('button', { type: 'submit', class: 'main' }, action);
  const close = element('button', { type: 'button', autofocus: '' }, leave);
  const form = element('form', {}, element('h2', { id: 'dialog-title' }, title), ...content, problem, element('p', { class: 'buttons' }, button, close));
  const dialog = element('dialog', { 'aria-labelledby': 'dialog-title' }, form);
  const shut = (): void => dialog.close();
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    button.disabled = true;
    problem.replaceChildren();
    act()
      .then(shut, (error: unknown) => problem.replaceChildren(refusal(error)))
      .finally(() => (button.disabled = false));
  });
  close.addEventListener('click', shut);
  window.addEventListener('hashchange', shut);
  dialog.addEventListener('close', () => {
    window.removeEventListener('hashchange', shut);
    dialog.remove();
    (document.getElementById(opener) ?? document.getElementById('main'))?.focus();
  });
  document.body.append(dialog);
  dialog.showModal();
}

function told(error: unknown): { readonly code: string; readonly message: string; readonly next: string } {
  if (error instanceof Refusal) {
    return error;
  }

  if (error instanceof Failure) {
    return { code: error.code, message: error.found, next: 'choose another file' };
  }

  // So says the browser that a request got no answer.
  if (error instanceof TypeError) {
    return { code: 'coordinator_unreachable', message: 'the coordinator does not answer', next: 'look whether it was done, and try again' };
  }

  throw error;
}
