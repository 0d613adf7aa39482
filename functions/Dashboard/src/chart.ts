// Copyright (c) FedCloud contributors. Licensed under the MIT License.

import { element } from './dom';

/** A value of a round; null where there is none. */
export interface Point {
  readonly label: string;
  readonly values: readonly (number | null)[];
}

export interface Chart {
  readonly title: string;
  readonly kind: 'bars' | 'line';
  /** What is stacked in each bar, or drawn as a line: a name of each for the legend. */
  readonly series: readonly string[];
  readonly points: readonly Point[];
  readonly format: (value: number) => string;
  /** The id of the table that says the same in numbers. */
  readonly table: string;
}

const Svg = 'http://www.w3.org/2000/svg';
const [Width, Height] = [360, 180];
const [Left, Right, Top, Bottom] = [72, 8, 10, 24];
const MaxLabels = 8;

/** A chart in the page's own vector graphics. Its numbers are in the table that it names. */
export function chart(of: Chart): HTMLElement {
  const svg = shape('svg', { viewBox: `0 0 ${Width} ${Height}`, class: 'chart', role: 'img', 'aria-label': summaryOf(of), 'aria-describedby': of.table });
  const [low, high] = rangeOf(of);
  const y = (value: number): number => Height - Bottom - ((value - low) / (high - low)) * (Height - Top - Bottom);
  const step = (Width - Left - Right) / Math.max(of.points.length, 1);
  for (const value of [low, (low + high) / 2, high]) {
    svg.append(shape('line', { class: 'grid', x1: Left, x2: Width - Right, y1: y(value), y2: y(value) }), shape('text', { x: Left - 6, y: y(value) + 4, 'text-anchor': 'end' }, of.format(value)));
  }

  const every = Math.ceil(of.points.length / MaxLabels);
  of.points.forEach(({ label }, i) => {
    if (i % every === 0) {
      svg.append(shape('text', { x: Left + (i + 0.5) * step, y: Height - 8, 'text-anchor': 'middle' }, label));
    }
  });
  svg.append(...(of.kind === 'bars' ? bars(of, step, y) : lines(of, step, y)));
  return element(
    'figure',
    {},
    element('figcaption', {}, of.title, ...(of.series.length > 1 ? of.series.map((name, i) => element('span', { class: `legend series-${i}` }, name)) : [])),
    svg,
  );
}

// Later series lie on the earlier ones.
function bars({ points }: Chart, step: number, y: (value: number) => number): SVGElement[] {
  return points.flatMap(({ values }, i) => {
    let sum = 0;
    return values.map((value, series) => {
      const [from, to] = [sum, sum + (value ?? 0)];
      sum = to;
      return shape('rect', { class: `bar series-${series}`, x: Left + i * step + step * 0.15, width: step * 0.7, y: y(to), height: Math.max(y(from) - y(to), 0) });
    });
  });
}

function lines({ points, series }: Chart, step: number, y: (value: number) => number): SVGElement[] {
  return series.flatMap((_, at) => {
    const places = points.flatMap(({ values }, i) => (values[at] === null || values[at] === undefined ? [] : [[Left + (i + 0.5) * step, y(values[at])] as const]));
    return [
      shape('polyline', { class: `line series-${at}`, points: places.map(([x, up]) => `${x.toFixed(1)},${up.toFixed(1)}`).join(' ') }),
      ...places.map(([cx, cy]) => shape('circle', { class: `dot series-${at}`, cx, cy, r: places.length > 40 ? 1.5 : 3 })),
    ];
  });
}

// Bars begin at zero; a line shows its own range.
function rangeOf({ kind, points }: Chart): [number, number] {
  const all = points.flatMap(({ values }) => (kind === 'bars' ? [values.reduce<number>((sum, value) => sum + (value ?? 0), 0)] : values.filter((value) => value !== null)));
  const low = kind === 'bars' ? 0 : Math.min(...all);
  const high = Math.max(...all);
  return high > low ? [low, high] : [low, low + 1];
}

// Bars are stacked; lines may meet in a point.
function summaryOf({ kind, title, points, format }: Chart): string {
  const whole = points.flatMap(({ values }) => {
    const known = values.filter((value) => value !== null);
    return known.length === 0 ? [] : [kind === 'bars' ? known.reduce((sum, value) => sum + value, 0) : Math.max(...known)];
  });
  const [first, last] = [whole[0], whole.at(-1)];
  return first === undefined || last === undefined ? title : `${title}: ${format(first)} at first, ${format(last)} at last; the table has all rounds`;
}

function shape(tag: string, attributes: Readonly<Record<string, string | number>>, text?: string): SVGElement {
  const made = document.createElementNS(Svg, tag);
  for (const [name, value] of Object.entries(attributes)) {
    made.setAttribute(name, String(typeof value === 'number' ? Math.round(value * 100) / 100 : value));
  }

  if (text !== undefined) {
    made.append(text);
  }

  return made;
}
