// Copyright (c) FedCloud contributors. Licensed under the MIT License.

// The address of a worker's file, as the bundler names it.
declare module '*?worker&url' {
  const url: string;
  export default url;
}

// W3C Trusted Types, section 3: what the page's policy asks for, where the browser knows it.
interface Window {
  readonly trustedTypes?: {
    createPolicy(name: string, rules: { createScriptURL(url: string): string }): { createScriptURL(url: string): string };
  };
}
