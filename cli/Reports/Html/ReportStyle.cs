// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Cli.Reports.Html;

/// <summary>The style sheet of reports and model cards: for screens in light and dark, and for A4.</summary>
internal static class ReportStyle
{
    /// <summary>The sheet.</summary>
    public const string Css = """
        :root { color-scheme: light dark; --ink: #1b1f24; --soft: #57606a; --line: #d0d7de; --paper: #ffffff; --tint: #f3f5f8; --link: #0a4fa3; --good: #116329; --good-tint: #e6f4ea; --bad: #a40e26; --bad-tint: #fdecee; --warn: #7a4b00; --warn-tint: #fff4dc; --bar: #2f6fb5; --bar-off: #a9b4c0; }
        @media screen and (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #a2adb8; --line: #3a424c; --paper: #0f1318; --tint: #191f27; --link: #7db5ff; --good: #7ddf95; --good-tint: #10261a; --bad: #ff9aa6; --bad-tint: #331318; --warn: #f0c674; --warn-tint: #2c2312; --bar: #6ea8e6; --bar-off: #566170; } }
        * { box-sizing: border-box; }
        html { -webkit-text-size-adjust: 100%; }
        body { margin: 0 auto; padding: 1.5rem 1.25rem 4rem; max-width: 68rem; font: 1em/1.5 system-ui, "Segoe UI", Roboto, "Liberation Sans", Arial, sans-serif; color: var(--ink); background: var(--paper); }
        h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .25rem; }
        h2 { font-size: 1.4rem; line-height: 1.25; margin: 2.5rem 0 .75rem; padding-bottom: .3rem; border-bottom: 2px solid var(--line); }
        h3 { font-size: 1.1rem; margin: 1.6rem 0 .5rem; }
        h4 { font-size: 1rem; margin: 1rem 0 .25rem; }
        p, ul, ol, dl { margin: .5rem 0; }
        a { color: var(--link); }
        a:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
        code, pre { font-family: ui-monospace, "Cascadia Mono", "DejaVu Sans Mono", monospace; font-size: .86em; }
        code { overflow-wrap: anywhere; }
        pre { white-space: pre-wrap; overflow-wrap: anywhere; background: var(--tint); border: 1px solid var(--line); border-radius: .3rem; padding: .6rem .75rem; margin: .5rem 0; }
        .subtitle { color: var(--soft); font-size: 1.1rem; margin: 0 0 1.25rem; }
        .verdict { border: 2px solid; border-radius: .4rem; padding: .75rem 1rem; margin: 1rem 0; }
        .verdict p:first-child { font-weight: 700; font-size: 1.15rem; margin-top: 0; }
        .verdict p:last-child, .verdict ul:last-child { margin-bottom: 0; }
        .good { color: var(--good); background: var(--good-tint); border-color: var(--good); }
        .bad { color: var(--bad); background: var(--bad-tint); border-color: var(--bad); }
        .warn { color: var(--warn); background: var(--warn-tint); border-color: var(--warn); }
        .figures { display: flex; flex-wrap: wrap; gap: .75rem; margin: 1rem 0; padding: 0; list-style: none; }
        .figures li { flex: 1 1 9rem; border: 1px solid var(--line); border-radius: .4rem; padding: .6rem .8rem; }
        .figures b { display: block; font-size: 1.5rem; line-height: 1.2; }
        .figures span { color: var(--soft); font-size: .9rem; }
        table { width: 100%; border-collapse: collapse; margin: .5rem 0 1rem; table-layout: fixed; }
        caption { text-align: left; font-weight: 600; padding: .35rem 0; color: var(--soft); }
        th, td { text-align: left; vertical-align: top; padding: .45rem .6rem; border-bottom: 1px solid var(--line); }
        thead th { background: var(--tint); border-bottom: 2px solid var(--line); font-size: .9rem; }
        tbody th { font-weight: 600; overflow-wrap: anywhere; }
        .c-field { width: 25%; } .c-source { width: 11%; } .c-proof { width: 15%; }
        td.value { overflow-wrap: anywhere; }
        .operator bdi { white-space: pre-line; }
        td.source { color: var(--soft); font-size: .85em; overflow-wrap: anywhere; }
        td.proof { font-size: .85em; overflow-wrap: anywhere; }
        .unit { color: var(--soft); }
        .note { display: block; color: var(--soft); font-size: .88em; }
        p.note { margin: .25em 0 .75em; }
        .scope { display: block; font-size: .88em; border-left: 3px solid var(--line); padding-left: .5em; margin-top: .2em; }
        .label { font-weight: 700; }
        .missing { color: var(--soft); font-style: italic; }
        .operator { background: var(--warn-tint); }
        .next th, .next td { border-top: 1px dotted var(--line); }
        tr:has(+ .next) > * { border-bottom: none; }
        .apart { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
        nav ol { columns: 2; column-gap: 2rem; }
        .entry { border-top: 1px solid var(--line); padding: .4rem 0; }
        .entry h3 { margin: .4rem 0; }
        .entry dl { display: grid; grid-template-columns: 7rem 1fr; gap: .1rem .75rem; margin: .25rem 0; font-size: .9rem; }
        .entry dt { color: var(--soft); } .entry dd { margin: 0; overflow-wrap: anywhere; }
        .charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(20rem, 1fr)); gap: 1.25rem; }
        figure { margin: 0; border: 1px solid var(--line); border-radius: .4rem; padding: .75rem; }
        figcaption { color: var(--soft); font-size: .9rem; margin-top: .4rem; }
        svg { width: 100%; height: auto; display: block; }
        svg text { fill: var(--soft); font: 15px system-ui, "Segoe UI", Roboto, "Liberation Sans", Arial, sans-serif; }
        svg .bar { fill: var(--bar); } svg .off { fill: var(--bar-off); } svg .axis { stroke: var(--line); } svg .need { stroke: var(--bad); stroke-dasharray: 4 3; }
        @page { size: A4; margin: 16mm 14mm 18mm; @bottom-right { content: counter(page) " / " counter(pages); font: 9pt sans-serif; color: #57606a; } }
        @media print {
          html { font-size: 9pt; }
          body { max-width: none; padding: 0; line-height: 1.38; }
          h1 { font-size: 19pt; } h2 { font-size: 14pt; margin-top: 12pt; } h3 { font-size: 11.5pt; margin-top: 10pt; }
          th, td { padding: .28rem .5rem; }
          h2, h3, h4, caption, thead, thead tr { break-after: avoid; }
          tbody tr:first-child { break-before: avoid; }
          .page { break-before: page; }
          .page > .page:first-of-type { break-before: auto; }
          tr, figure, .verdict, .entry { break-inside: avoid; }
          thead { display: table-header-group; }
          a { color: inherit; text-decoration: none; }
          .verdict, .figures li, thead th, pre, svg, .operator { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
        }

        """;
}
