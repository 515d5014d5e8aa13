export const STYLE = `
:root {
  color-scheme: light dark;
  --back: #f6f7f9; --card: #fff; --text: #1c2330; --quiet: #5a6475; --line: #dfe3ea;
  --good: #176b3a; --warn: #8a4b00; --bad: #a81e2b; --focus: #1b5fc1;
  --memory: #2f6fd6; --disk: #1d9a8a; --source: #d9822b; --p2p: #8d5bd1;
}
@media (prefers-color-scheme: dark) {
  :root {
    --back: #12161d; --card: #1b212b; --text: #e6eaf1; --quiet: #9aa5b6; --line: #2e3745;
    --good: #6fd39a; --warn: #f0b35e; --bad: #ff8f97; --focus: #8fb8ff;
    --memory: #6ea2f5; --disk: #4cc9b8; --source: #f0a356; --p2p: #b893ee;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; max-width: 72rem; padding: 1.25rem 1rem 3rem;
  background: var(--back); color: var(--text);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
}
header { display: flex; flex-wrap: wrap; align-items: baseline; gap: .25rem .9rem; margin-bottom: 1rem; }
h1 { font-size: 1.35rem; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1rem; margin: 0 0 .6rem; }
p { margin: 0 0 .6rem; }
.quiet { color: var(--quiet); font-size: .9rem; }
.state { font-weight: 600; }
.state::before { content: "\\25CF "; }
.ready, .ok, .up { color: var(--good); }
.degraded, .draining, .restarting { color: var(--warn); }
.failing, .failed, .down, .lost { color: var(--bad); }
section, .tiles > div { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; }
section { padding: 1rem; margin-top: 1rem; }
ul.problems { margin: .3rem 0 0; padding-left: 1.2rem; color: var(--warn); overflow-wrap: anywhere; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .75rem; margin: 0; }
.tiles > div { padding: .7rem .9rem; }
dt { color: var(--quiet); font-size: .85rem; }
dd { margin: 0; font-size: 1.3rem; font-weight: 600; font-variant-numeric: tabular-nums; }
dd small { font-size: .8rem; font-weight: 400; color: var(--quiet); display: block; }
figure { margin: 0; }
.plot { position: relative; height: 11rem; border-bottom: 1px solid var(--line); }
.plot svg { display: block; width: 100%; height: 100%; }
.plot span { position: absolute; top: 0; left: 0; color: var(--quiet); font-size: .8rem; }
.plot line { stroke: var(--line); stroke-width: 1; vector-effect: non-scaling-stroke; }
polygon.memory { fill: var(--memory); } polygon.disk { fill: var(--disk); }
polygon.source { fill: var(--source); } polygon.p2p { fill: var(--p2p); }
.routes { display: flex; flex-wrap: wrap; gap: .3rem 1.4rem; margin: .7rem 0 0; padding: 0; list-style: none; }
.routes b { font-variant-numeric: tabular-nums; }
.routes i { display: inline-block; width: .8em; height: .8em; border-radius: .2em; margin-right: .4em; }
i.memory { background: var(--memory); } i.disk { background: var(--disk); }
i.source { background: var(--source); } i.p2p { background: var(--p2p); }
.wide { overflow-x: auto; }
.wide:focus-visible, a:focus-visible { outline: 2px solid var(--focus); outline-offset: 2px; }
table { border-collapse: collapse; width: 100%; font-size: .93rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: .35rem .9rem .35rem 0; border-top: 1px solid var(--line); }
thead th { border-top: 0; color: var(--quiet); font-weight: 500; white-space: nowrap; }
tbody th { font-weight: 600; }
.number { text-align: right; white-space: nowrap; }
td small { display: block; min-width: 9rem; max-width: 34rem; overflow-wrap: anywhere; color: var(--quiet); }
.error { min-width: 15rem; overflow-wrap: anywhere; color: var(--quiet); }
meter, progress { width: 100%; min-width: 6rem; height: .9rem; }
footer { margin-top: 1.5rem; overflow-wrap: anywhere; }
a { color: inherit; }
@media (max-width: 40rem) {
  body { padding: .9rem .7rem 2rem; }
  .tiles { grid-template-columns: 1fr 1fr; gap: .5rem; }
  .tiles > div { padding: .55rem .7rem; }
  section { padding: .8rem; }
  th, td { padding-right: .6rem; }
  meter, progress { min-width: 3.5rem; }
}
`;
