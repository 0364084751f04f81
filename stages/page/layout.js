// Where the stages of a graph are drawn: a column for each level, and lanes for links that pass over columns.

export const BOX = { width: 150, height: 66 };
const GAP = { x: 68, y: 26, lane: 22 };
const MARGIN = 14;
const SWEEPS = 6;

/**
 * Layered drawing after Sugiyama, Tagawa and Toda (1981): a link over several columns gets a lane in each, so that it
 * passes behind no stage. Each column is sorted by the mean row of its neighbours, then moved to it, forth and back.
 */
export function layout({ stages, links }) {
  const level = Object.fromEntries(stages.map((stage) => [stage.name, stage.level]));
  const columns = Array.from({ length: Math.max(0, ...Object.values(level).map((n) => n + 1)) }, () => []);
  const items = new Map(); // by stage's name, or by output and column
  const item = (key, column, height, stage = null) => {
    if (!items.has(key)) {
      items.set(key, { key, stage, height, before: new Set(), after: new Set() });
      columns[column].push(items.get(key));
    }
    return items.get(key);
  };
  for (const stage of stages) item(stage.name, stage.level, BOX.height, stage);

  const paths = links.map((link) => {
    const [from, to] = [stageOf(link.from), stageOf(link.to)];
    const path = [items.get(from)];
    for (let column = level[from] + 1; column < level[to]; column++) {
      path.push(item(`${link.from} ${column}`, column, 0));
    }
    path.push(items.get(to));
    path.slice(1).forEach((it, n) => [path[n].after.add(it), it.before.add(path[n])]);
    return { ...link, path };
  });

  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const forth = sweep % 2 === 0;
    for (const column of forth ? columns : columns.toReversed()) sort(column, forth ? "before" : "after", columns);
  }
  columns.forEach((column, n) => {
    let y = 0;
    for (const it of column) {
      it.x = MARGIN + n * (BOX.width + GAP.x);
      it.y = y;
      y += it.height + gap(it);
    }
  });
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const forth = sweep % 2 === 0;
    for (const column of forth ? columns : columns.toReversed()) straighten(column, forth ? "before" : "after");
  }
  const all = [...items.values()];
  const top = Math.min(...all.map((it) => it.y));
  for (const it of all) it.y += MARGIN - top;
  const height = Math.max(0, ...all.map((it) => it.y + it.height)) + MARGIN;
  return {
    width: 2 * MARGIN + columns.length * BOX.width + Math.max(0, columns.length - 1) * GAP.x,
    height,
    boxes: all.filter((it) => it.stage),
    lines: paths.map(({ path, ...link }) => ({ ...link, points: path.flatMap(ends).slice(1, -1) })),
  };
}

export const stageOf = (key) => key.slice(0, key.lastIndexOf("."));

const gap = (it) => (it.stage ? GAP.y : GAP.lane);

/** The two points where a line meets an item: the left and the right end of its middle. */
function ends(it) {
  const y = it.y + it.height / 2;
  return [
    [it.x, y],
    [it.x + BOX.width, y],
  ];
}

/** Move the items of a column to the middle of their neighbours' rows, as far as their order and distances allow. */
function straighten(column, side) {
  const wanted = column.map((it) => {
    const boxes = it.stage ? [...it[side]].filter((other) => other.stage) : []; // stages in a row are drawn in a row
    const others = boxes.length ? boxes : [...it[side]];
    if (!others.length) return it.y;
    return others.reduce((sum, other) => sum + other.y + other.height / 2, 0) / others.length - it.height / 2;
  });
  const [down, up] = [[...wanted], [...wanted]];
  for (let n = 1; n < column.length; n++) down[n] = Math.max(down[n], down[n - 1] + apart(column[n - 1]));
  for (let n = column.length - 2; n >= 0; n--) up[n] = Math.min(up[n], up[n + 1] - apart(column[n]));
  column.forEach((it, n) => (it.y = (down[n] + up[n]) / 2)); // both keep the distances, so their mean does
}

const apart = (it) => it.height + gap(it);

function sort(column, side, columns) {
  const row = new Map(columns.flatMap((found) => found.map((it, n) => [it, n - found.length / 2])));
  const mean = (it) => {
    const rows = [...it[side]].map((other) => row.get(other));
    return rows.length ? rows.reduce((sum, n) => sum + n, 0) / rows.length : row.get(it);
  };
  const means = new Map(column.map((it) => [it, mean(it)]));
  column.sort((a, b) => means.get(a) - means.get(b));
}
