// The one style sheet of the status page, served from this process so that the page needs nothing that was built. Light and dark; no font, no picture, no script.
export const STYLESHEET = `:root {
  --page: #f7f7f4; --card: #fff; --line: #dcdcd5; --text: #1b1d1f; --muted: #5b5e61;
  --ok: #1a7f4b; --ok-soft: #e3f4ea; --ok-bar: #3aa76d;
  --warn: #9a5b00; --warn-soft: #fdf1dc; --warn-bar: #e0a02b;
  --outage: #b3261e; --outage-soft: #fbe5e3; --outage-bar: #d64541;
  --unknown: #5b5e61; --unknown-soft: #eeeeea; --none-bar: #cfcfc7; --accent: #1f5f4a;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14161a; --card: #1c1f25; --line: #2e333b; --text: #eceef1; --muted: #a3a9b3;
    --ok: #6fd39b; --ok-soft: #14291e; --ok-bar: #2f9e63;
    --warn: #f0bd62; --warn-soft: #2d2413; --warn-bar: #c98a1c;
    --outage: #ff8f86; --outage-soft: #331a1a; --outage-bar: #d5504a;
    --unknown: #a3a9b3; --unknown-soft: #22262d; --none-bar: #3a404a; --accent: #7fd1b1;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
main { max-width: 50rem; margin: 0 auto; padding: 2rem 1.25rem 1rem; }
header { display: flex; align-items: baseline; justify-content: space-between; gap: 1rem; margin-bottom: 1.5rem; }
.name { margin: 0; font-size: 1.05rem; color: var(--muted); overflow-wrap: anywhere; }
.name span { color: var(--text); font-weight: 650; }
nav a { margin-left: 1rem; }
a { color: var(--accent); text-underline-offset: 0.2em; }
a:focus-visible { outline: 2px solid var(--accent); outline-offset: 3px; border-radius: 3px; }
h1 { margin: 0; font-size: 1.35rem; line-height: 1.3; font-weight: 650; text-wrap: balance; }
h2 { margin: 2.25rem 0 0.75rem; font-size: 1rem; font-weight: 650; }
h3 { margin: 0; font-size: 1rem; font-weight: 600; }
p { margin: 0; }
time { font-variant-numeric: tabular-nums; white-space: nowrap; }
.now { display: flex; gap: 1rem; align-items: center; padding: 1.25rem 1.4rem; border-radius: 14px; border: 1px solid transparent; }
.now p { margin-top: 0.2rem; color: var(--muted); font-size: 0.925rem; }
.now .mark { width: 2.6rem; height: 2.6rem; flex: none; }
.now.ok { background: var(--ok-soft); border-color: color-mix(in srgb, var(--ok) 25%, transparent); }
.now.warn { background: var(--warn-soft); border-color: color-mix(in srgb, var(--warn) 30%, transparent); }
.now.outage { background: var(--outage-soft); border-color: color-mix(in srgb, var(--outage) 30%, transparent); }
.now.unknown { background: var(--unknown-soft); border-color: var(--line); }
.mark { width: 1.25rem; height: 1.25rem; flex: none; fill: none; stroke-width: 1.8; stroke-linecap: round; stroke-linejoin: round; }
.mark circle { stroke: none; }
.mark path { stroke: var(--card); }
.mark.ok circle { fill: var(--ok-bar); } .mark.warn circle { fill: var(--warn-bar); } .mark.outage circle { fill: var(--outage-bar); } .mark.unknown circle { fill: var(--muted); }
.components { list-style: none; margin: 0; padding: 0; background: var(--card); border: 1px solid var(--line); border-radius: 14px; }
.components > li { padding: 1rem 1.25rem 0.9rem; border-top: 1px solid var(--line); }
.components > li:first-child { border-top: 0; }
.head { display: flex; align-items: center; gap: 0.6rem; }
.state { margin-left: auto; font-size: 0.925rem; font-weight: 550; text-align: right; }
.state.ok { color: var(--ok); } .state.warn { color: var(--warn); } .state.outage { color: var(--outage); } .state.unknown { color: var(--unknown); }
.says, .uptime, .scale, .legend, .quiet, figcaption { color: var(--muted); font-size: 0.875rem; }
.says { margin: 0.15rem 0 0.6rem 1.85rem; }
.figures { color: var(--text); font-variant-numeric: tabular-nums; }
.bars { display: block; width: 100%; height: 1.75rem; }
.bars .ok { fill: var(--ok-bar); } .bars .warn { fill: var(--warn-bar); } .bars .outage { fill: var(--outage-bar); } .bars .none { fill: var(--none-bar); }
.bars rect:hover { opacity: 0.7; }
.uptime { text-align: right; margin-top: 0.25rem; font-variant-numeric: tabular-nums; }
.scale { display: flex; justify-content: space-between; padding: 0.4rem 1.25rem 0; }
.legend { display: flex; flex-wrap: wrap; gap: 0.35rem 0.4rem; align-items: center; padding: 0.35rem 1.25rem 0; }
.key { width: 0.7rem; height: 0.7rem; border-radius: 3px; display: inline-block; margin-left: 0.7rem; }
.key:first-child { margin-left: 0; }
.key.ok { background: var(--ok-bar); } .key.warn { background: var(--warn-bar); } .key.outage { background: var(--outage-bar); } .key.none { background: var(--none-bar); }
.pace { margin: 0; padding: 1rem 1.25rem 0.8rem; background: var(--card); border: 1px solid var(--line); border-radius: 14px; }
.pace svg { display: block; width: 100%; height: auto; }
.pace line { stroke: var(--line); stroke-width: 1; }
.pace text { fill: var(--muted); font-size: 10px; text-anchor: middle; font-variant-numeric: tabular-nums; }
.pace text.value { text-anchor: end; } .pace text.first { text-anchor: start; } .pace text.last { text-anchor: end; }
.pace polygon { fill: color-mix(in srgb, var(--accent) 16%, transparent); }
.pace polyline { fill: none; stroke: var(--accent); stroke-width: 1.6; stroke-linejoin: round; vector-effect: non-scaling-stroke; }
figcaption { margin-top: 0.4rem; }
.incident { background: var(--card); border: 1px solid var(--line); border-left: 4px solid var(--muted); border-radius: 14px; padding: 1rem 1.25rem; margin-bottom: 0.9rem; }
.incident.sev-1, .incident.sev-2 { border-left-color: var(--outage-bar); }
.incident.sev-3, .incident.sev-4 { border-left-color: var(--warn-bar); }
.incident.planned { border-left-color: var(--accent); }
.incident.over { border-left-color: var(--ok-bar); }
.tags { display: flex; flex-wrap: wrap; gap: 0.4rem; align-items: center; margin: 0.4rem 0 0; font-size: 0.85rem; }
.tag { border: 1px solid var(--line); border-radius: 999px; padding: 0.05rem 0.6rem; }
.when { color: var(--muted); }
.when b { color: var(--text); }
.incident ol { list-style: none; margin: 0.9rem 0 0; padding: 0 0 0 1rem; border-left: 2px solid var(--line); }
.incident ol li + li { margin-top: 0.8rem; }
.incident ol .when { font-size: 0.85rem; }
.incident ol p { overflow-wrap: anywhere; }
footer { max-width: 50rem; margin: 0 auto; padding: 1rem 1.25rem 3rem; color: var(--muted); font-size: 0.85rem; }
@media (max-width: 36rem) { .says { margin-left: 0; } .head { flex-wrap: wrap; } .now { align-items: flex-start; } }
@media print { body { background: #fff; } }
`
