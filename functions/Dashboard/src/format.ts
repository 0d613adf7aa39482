// Copyright (c) FedCloud contributors. Licensed under the MIT License.

import { element } from './dom';

const When = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium', timeZone: 'UTC' });

export function time(iso: string | null | undefined): HTMLElement | string {
  return iso ? element('time', { datetime: iso }, `${When.format(new Date(iso))} UTC`) : '–';
}

export function duration(from: string, to: string): string {
  return seconds((Date.parse(to) - Date.parse(from)) / 1000);
}

export function seconds(count: number): string {
  return count < 60 ? `${count.toFixed(1)} s` : count < 3600 ? `${Math.floor(count / 60)} min ${Math.round(count % 60)} s` : `${(count / 3600).toFixed(1)} h`;
}

export function bytes(count: number): string {
  return count < 1024 ? `${count} B` : count < 1048576 ? `${(count / 1024).toFixed(1)} KiB` : `${(count / 1048576).toFixed(1)} MiB`;
}

// Whole, so that a person can compare it; the style breaks it where there is no room.
export function fingerprint(hex: string | null | undefined): HTMLElement | string {
  return hex ? element('code', { class: 'hash' }, hex) : '–';
}

export function words(name: string): string {
  return name.replaceAll('_', ' ').replace(/([a-z])([A-Z])/g, '$1 $2').toLowerCase();
}

export function badge(name: string): HTMLElement {
  return element('span', { class: 'badge', 'data-state': name.toLowerCase() }, words(name));
}

const Counts = new Intl.NumberFormat('en-GB');

export function count(value: number): string {
  return Counts.format(value);
}
