import type { FilterNode, Scalar } from '@veritas-db/core/contract'

/** A filter as data for the script: JSON, with dates as metadata has them. */
export type FilterData = unknown

const scalar = (value: Scalar | null): unknown => (value instanceof Date ? { $date: value.getTime() } : value)

/** A filter as data for `FILTER_SCRIPT`. Pure. Nothing of it becomes part of a script. */
export const encodeFilter = (node: FilterNode): FilterData => {
  switch (node.op) {
    case 'and':
    case 'or':
      return { op: node.op, nodes: node.nodes.map(encodeFilter) }
    case 'not':
      return { op: 'not', node: encodeFilter(node.node) }
    case 'in':
    case 'nin':
      return { op: node.op, path: node.path, values: node.values.map(scalar) }
    case 'exists':
      return { op: 'exists', path: node.path, value: node.value }
    default:
      return { op: node.op, path: node.path, value: scalar(node.value) }
  }
}

/**
 * What the text of a record's metadata must hold for the filter to match, since it is made by `JSON.stringify` as these are: a script looks for it before
 * it parses the text, which takes far longer.
 */
export const needlesOf = (node: FilterNode): readonly string[] => {
  if (node.op === 'and') return node.nodes.flatMap(needlesOf)
  if (node.op !== 'eq' || node.value === null) return []
  return [`${JSON.stringify(node.path.split('.').at(-1))}:${JSON.stringify(scalar(node.value))}`]
}

/**
 * The contract's filter table in the JavaScript that Cayley runs (ECMAScript 5): `matches(filter, metadata)`, for metadata parsed
 * from a record's JSON, in which a date is `{"$date": milliseconds}`.
 */
export const FILTER_SCRIPT: string = `
function mayMatch(needles, text) {
  for (var i = 0; i < needles.length; i++) if (text.indexOf(needles[i]) < 0) return false;
  return true;
}
function isObject(v) { return typeof v === 'object' && v !== null; }
function has(o, f) { return Object.prototype.hasOwnProperty.call(o, f); }
function isDate(v) { return isObject(v) && has(v, '$date'); }
function valueAt(m, path) {
  var parts = path.split('.'), v = m;
  for (var i = 0; i < parts.length; i++) {
    if (!isObject(v) || Array.isArray(v) || isDate(v)) return null;
    v = has(v, parts[i]) ? v[parts[i]] : null;
  }
  return v === undefined ? null : v;
}
function equal(v, w) {
  if (isDate(v)) return isDate(w) && v.$date === w.$date;
  return !isObject(v) && v === w;
}
function compareText(a, b) {
  var n = Math.min(a.length, b.length);
  for (var i = 0; i < n; i++) {
    var x = a.charCodeAt(i), y = b.charCodeAt(i);
    if (x === y) continue;
    var sx = x >= 0xd800 && x <= 0xdfff, sy = y >= 0xd800 && y <= 0xdfff;
    return sx === sy ? x - y : sx ? 1 : -1;
  }
  return a.length - b.length;
}
function compare(v, w) {
  if (typeof v === 'number' && typeof w === 'number') return v - w;
  if (isDate(v) && isDate(w)) return v.$date - w.$date;
  if (typeof v === 'string' && typeof w === 'string') return compareText(v, w);
  return undefined;
}
function isPart(text, at, part) {
  for (var i = 0; i < part.length; i++) if (text.charCodeAt(at + i) !== part.charCodeAt(i)) return false;
  return true;
}
function holds(v, w) {
  var i;
  if (Array.isArray(v)) {
    for (i = 0; i < v.length; i++) if (v[i] === w) return true;
    return false;
  }
  if (typeof v !== 'string' || typeof w !== 'string') return false;
  for (i = 0; i + w.length <= v.length; i++) if (isPart(v, i, w)) return true;
  return false;
}
function oneOf(v, values) {
  for (var i = 0; i < values.length; i++) if (equal(v, values[i])) return true;
  return false;
}
function matches(f, m) {
  var i, v, order;
  switch (f.op) {
    case 'and':
      for (i = 0; i < f.nodes.length; i++) if (!matches(f.nodes[i], m)) return false;
      return true;
    case 'or':
      for (i = 0; i < f.nodes.length; i++) if (matches(f.nodes[i], m)) return true;
      return false;
    case 'not': return !matches(f.node, m);
  }
  v = valueAt(m, f.path);
  switch (f.op) {
    case 'eq': return equal(v, f.value);
    case 'ne': return !equal(v, f.value);
    case 'in': return oneOf(v, f.values);
    case 'nin': return !oneOf(v, f.values);
    case 'exists': return (v !== null) === f.value;
    case 'contains': return holds(v, f.value);
    case 'startsWith': return typeof v === 'string' && v.length >= f.value.length && isPart(v, 0, f.value);
  }
  order = compare(v, f.value);
  if (order === undefined) return false;
  return f.op === 'gt' ? order > 0 : f.op === 'gte' ? order >= 0 : f.op === 'lt' ? order < 0 : order <= 0;
}
`
