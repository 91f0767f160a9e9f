import { FILTER_SCRIPT } from './filter.js'

/**
 * What reads are made of, in the JavaScript that Cayley runs (ECMAScript 5). Scripts are constants: what varies is in `parameters`.
 * The server compiles a script for each call, some 0.1 ms a kilobyte: each has what it needs, and no more. Paths of one step from one node are fast
 * (30 µs); longer ones, and those from several nodes, it may turn round and read every record there is.
 */
const HEAD = `
var RECORD = '<veritas:record>', IN = '<veritas:in>', EDGES = '<veritas:edges>';
var p = parameters, scope = p.scope;
function node(key) { return '<' + scope + '/' + key + '>'; }
function keyOf(name) { return name.substr(scope.length + 2, 32); }
`

/** What one step leads to, by the keys it starts from: `along(keys, 'Out', RECORD)`. */
const ALONG = `
function along(keys, way, predicate) {
  var found = {};
  for (var i = 0; i < keys.length; i++) {
    var path = g.V(node(keys[i])), ends = (predicate ? path[way](predicate) : path[way]()).ToArray();
    if (ends.length > 0) found[keys[i]] = ends;
  }
  return found;
}
`

/** Writers of several processes may leave several records of one node: the newest counts. */
const NEWEST = `
function newestOf(texts) {
  return texts.length === 1 ? texts[0] : texts.reduce(function (a, b) {
    var v = a.substr(6, 24), w = b.substr(6, 24);
    return w > v || (w === v && b > a) ? b : a;
  });
}
`

/** Emits the texts of all records of each key that is there, and whether the quad that lists it is there. */
export const NODE_TEXTS: string = `${HEAD}${ALONG}
var texts = along(p.keys, 'Out', RECORD), listed = along(Object.keys(texts), 'Out', IN);
for (var key in texts) g.emit({ key: key, texts: texts[key], intact: !!listed[key] });
`

/** Emits the newest record of the one key, where it is there. */
export const NODE: string = `${NEWEST}
var texts = g.V('<' + parameters.scope + '/' + parameters.key + '>').Out('<veritas:record>').ToArray();
if (texts.length > 0) g.emit(newestOf(texts));
`

/** Emits the newest record of each key that is there. */
export const NODES: string = `${HEAD}${ALONG}${NEWEST}
var texts = along(p.keys, 'Out', RECORD);
for (var key in texts) g.emit(newestOf(texts[key]));
`

/** Emits which of `ends` are there, then the texts of the edges of each of `sources` that has any. */
export const EDGE_TEXTS: string = `${HEAD}${ALONG}
g.emit(Object.keys(along(p.ends, 'Out', RECORD)));
var texts = along(p.sources, 'Out', EDGES);
for (var key in texts) g.emit({ key: key, texts: texts[key] });
`

/** Emits, for each key of a node that is there, the texts of all its records, and then the edges of all that touch one, by their sources. */
export const WHOLE_NODES: string = `${HEAD}${ALONG}
var texts = along(p.keys, 'Out', RECORD), keys = Object.keys(texts), into = along(keys, 'In'), sources = {};
keys.forEach(function (key) {
  sources[key] = true;
  (into[key] || []).forEach(function (name) { sources[keyOf(name)] = true; });
});
g.emit(texts);
var edges = along(Object.keys(sources), 'Out', EDGES);
for (var key in edges) g.emit({ key: key, texts: edges[key] });
`

/** The predicates of the quads that join nodes by an edge of the types asked for; undefined for all, since no other quad leads to a node. */
const JOINS = `
var joins = p.types === null ? undefined : p.types.map(function (type) { return '<' + type + '>'; });
`

/** Emits the edges of the nodes and, where they may enter, of all from which one does, by their sources. */
export const EDGES_OF: string = `${HEAD}${ALONG}${JOINS}
var sources = {};
if (p.direction !== 'in') p.keys.forEach(function (key) { sources[key] = true; });
if (p.direction !== 'out') {
  var into = along(p.keys, 'In', joins);
  for (var key in into) into[key].forEach(function (name) { sources[keyOf(name)] = true; });
}
var edges = along(Object.keys(sources), 'Out', EDGES);
for (var source in edges) g.emit({ key: source, texts: edges[source] });
`

/** The keys of a part of the scope, in order. */
const PART = `
function part(digit) {
  return g.V('<' + scope + '/n/' + digit.toString(16) + '>').In(IN).ToArray().map(keyOf).sort();
}
`

/**
 * Goes through the nodes in order of key, part by part, from after `after`; emits those that fit, `limit` at most, and at last
 * where to go on (null at the end). It looks at `budget` records at most, since the server ends what takes too long.
 */
export const SCAN_NODES: string = `${HEAD}${ALONG}${NEWEST}${PART}${FILTER_SCRIPT}
var left = p.limit, budget = p.budget, cursor = null;
function fits(text) {
  if (p.filter === null && p.label === null && p.placeholders) return true;
  if (!mayMatch(p.needles, text)) return false;
  var record = JSON.parse(text);
  if (record.p && !p.placeholders) return false;
  if (p.label !== null && record.l !== p.label) return false;
  return p.filter === null || matches(p.filter, record.m);
}
(function () {
  var last = null;
  for (var digit = p.after === '' ? 0 : parseInt(p.after.charAt(0), 16); digit < 16; digit++) {
    var keys = part(digit).filter(function (key) { return key > p.after; }), texts;
    for (var i = 0; i < keys.length; i++) {
      if (left === 0 || budget === 0) { cursor = last; return; }
      if (i % 200 === 0) texts = along(keys.slice(i, i + 200), 'Out', RECORD);
      budget--;
      last = keys[i];
      if (!texts[last]) continue;
      var text = newestOf(texts[last]);
      if (!fits(text)) continue;
      left--;
      g.emit(text);
    }
  }
})();
g.emit({ cursor: cursor });
`

/** Emits the edges of nodes in order of key, from that of `from`, until there are more than `limit`; at last whether that was all. */
export const SCAN_EDGES: string = `${HEAD}${ALONG}${PART}
var left = p.limit, budget = p.budget, next = null;
(function () {
  for (var digit = p.from === '' ? 0 : parseInt(p.from.charAt(0), 16); digit < 16; digit++) {
    var keys = part(digit).filter(function (key) { return key >= p.from; }), texts;
    for (var i = 0; i < keys.length; i++) {
      if (left < 0 || budget === 0) { next = keys[i]; return; }
      if (i % 200 === 0) texts = along(keys.slice(i, i + 200), 'Out', EDGES);
      budget--;
      if (!texts[keys[i]]) continue;
      left -= JSON.parse(texts[keys[i]][0]).e.length;
      g.emit({ key: keys[i], texts: texts[keys[i]] });
    }
  }
})();
g.emit({ next: next });
`

/** Emits how many nodes or placeholders there are. */
export const COUNT_NODES: string = `
var total = 0;
for (var digit = 0; digit < 16; digit++)
  total += g.V('<' + parameters.scope + '/n/' + digit.toString(16) + '>').In(parameters.predicate).Count();
g.emit(total);
`

/** Emits the edges of which several texts are there, by their sources, and at last how many others there are. */
export const COUNT_EDGES: string = `${HEAD}${ALONG}${PART}
var total = 0;
for (var digit = 0; digit < 16; digit++) {
  var texts = along(part(digit), 'Out', EDGES);
  for (var key in texts)
    if (texts[key].length === 1) total += JSON.parse(texts[key][0]).e.length;
    else g.emit({ key: key, texts: texts[key] });
}
g.emit(total);
`

const WALK_HEAD = `${JOINS}
// The keys one step away from each of some, by the lists of edges and, against them, by the quads that join.
function steps(keys) {
  var found = {};
  keys.forEach(function (key) { found[key] = []; });
  if (p.direction !== 'in') {
    var lists = along(keys, 'Out', EDGES);
    for (var key in lists)
      lists[key].forEach(function (text) {
        JSON.parse(text).e.forEach(function (edge) {
          if (p.types === null || p.types.indexOf(edge[0]) >= 0) found[key].push(edge[1]);
        });
      });
  }
  if (p.direction !== 'out') {
    var into = along(keys, 'In', joins);
    for (var at in into) found[at] = found[at].concat(into[at].map(keyOf));
  }
  return found;
}
`

/** A walk from `starts`, breadth first; emits depth, start and record of each node that `fits`, nearest first, then by key. */
const WALK_BODY = `
(function () {
  var left = p.limit, origin = {}, frontier = p.starts;
  frontier.forEach(function (key) { origin[key] = key; });
  for (var depth = 1; depth <= p.max && frontier.length > 0; depth++) {
    var found = {}, next = steps(frontier);
    for (var key in next)
      next[key].forEach(function (other) {
        if (!origin[other] && (!found[other] || origin[key] < found[other])) found[other] = origin[key];
      });
    frontier = Object.keys(found).sort();
    for (var i = 0, texts = {}; i < frontier.length; i++) {
      var at = frontier[i];
      origin[at] = found[at];
      if (depth < p.min || left === 0) continue;
      if (i % 200 === 0) texts = along(frontier.slice(i, i + 200), 'Out', RECORD);
      var text = texts[at] && newestOf(texts[at]);
      if (!text || !fits(text)) continue;
      left--;
      g.emit({ depth: depth, start: origin[at], text: text });
    }
    if (left === 0) return;
  }
})();
`

export const WALK: string = `${HEAD}${ALONG}${NEWEST}${WALK_HEAD}
function fits(text) { return p.placeholders || !JSON.parse(text).p; }
${WALK_BODY}`

/** The same with `filter`. */
export const FILTERED_WALK: string = `${HEAD}${ALONG}${NEWEST}${WALK_HEAD}${FILTER_SCRIPT}
function fits(text) {
  if (!mayMatch(p.needles, text)) return false;
  var record = JSON.parse(text);
  return (p.placeholders || !record.p) && matches(p.filter, record.m);
}
${WALK_BODY}`

/** A search, breadth first; emits the records of the nodes along a path with the fewest edges, and then the edges of each by their sources; or nothing. */
export const SHORTEST_PATH: string = `${HEAD}${ALONG}${NEWEST}${WALK_HEAD}
(function () {
  var before = {}, frontier = [p.from];
  before[p.from] = p.from;
  for (var depth = 1; depth <= p.max && frontier.length > 0 && !before[p.to]; depth++) {
    var found = steps(frontier), next = [];
    frontier.forEach(function (key) {
      found[key].forEach(function (other) {
        if (before[other]) return;
        before[other] = key;
        next.push(other);
      });
    });
    frontier = next;
  }
  if (!before[p.to]) return;
  var keys = [p.to];
  while (keys[0] !== p.from) keys.unshift(before[keys[0]]);
  var records = along(keys, 'Out', RECORD), edges = along(keys, 'Out', EDGES);
  if (!keys.every(function (key) { return records[key]; })) return;
  g.emit(keys.map(function (key) { return newestOf(records[key]); }));
  for (var key in edges) g.emit({ key: key, texts: edges[key] });
})();
`
