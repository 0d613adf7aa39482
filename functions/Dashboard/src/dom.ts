// Copyright (c) FedCloud contributors. Licensed under the MIT License.

export type Child = Node | string | number | null;

// Names come from silos, and text stays text: nothing here parses markup.
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Record<string, string> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    made.setAttribute(name, value);
  }

  made.append(...children.filter((child) => child !== null).map((child) => (typeof child === 'number' ? String(child) : child)));
  return made;
}

export interface Column<T> {
  readonly title: string;
  readonly cell: (row: T) => Child;
  readonly isNumber?: boolean;
}

export function table<T>(caption: string, columns: readonly Column<T>[], rows: readonly T[], none: string): HTMLElement {
  if (rows.length === 0) {
    return element('p', { class: 'none' }, none);
  }

  const kind = (column: Column<T>): Record<string, string> => (column.isNumber ? { class: 'number' } : {});
  return element(
    'div',
    { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': caption },
    element(
      'table',
      {},
      element('caption', {}, caption),
      element('thead', {}, element('tr', {}, ...columns.map((column) => element('th', { scope: 'col', ...kind(column) }, column.title)))),
      element('tbody', {}, ...rows.map((row) => element('tr', {}, ...columns.map((column) => element('td', kind(column), column.cell(row)))))),
    ),
  );
}

export function facts(pairs: readonly (readonly [string, Child])[]): HTMLElement {
  return element('dl', {}, ...pairs.flatMap(([name, value]) => [element('dt', {}, name), element('dd', {}, value)]));
}
