import { FILTER_SCRIPT } from './filter.js'

/**
 * What reads are made of, in the JavaScript that Cayley runs (ECMAScript 5). Scripts are constants: what varies is in `parameters`.
 * Paths of one step from one node are fast at the server; longer ones it may turn round and read every record there is.
 */
const COMMON = `
var RECORD = '<veritas:record>', IN = '<veritas:in>', EDGES = '<veritas:edges>', SOURCE = '<veritas:source>', TARGET = '<veritas:target>';
var scope = parameters.scope;
function node(key) { return '<' + scope + '/' + key + '>'; }
function out(name, predicate) { return g.V(name).Out(predicate).ToArray(); }
function into(name, predicate) { return g.V(name).In(predicate).ToArray(); }
function some(name, predicate) { return g.V(name).Out(predicate).ToArray(1).length > 0; }
function versionOf(text) { return text.substr(6, 24); }
// Writers of several processes may leave several records of one identity: the newest counts.
function newestOf(texts) {
  var best = null;
  for (var i = 0; i < texts.length; i++) {
    if (best === null) { best = texts[i]; continue; }
    var a = versionOf(texts[i]), b = versionOf(best);
    if (a > b || (a === b && texts[i] > best)) best = texts[i];
  }
  return best;
}
function newest(name) { return newestOf(out(name, RECORD)); }
// The parts of an edge's name: source, type, target, ordinal.
function edgeParts(name) { return name.substring(scope.length + 4, name.length - 1).split('/'); }
function typeFits(type) { return parameters.types === null || parameters.types.indexOf(type) >= 0; }
`

/** Emits, for each key, the texts of all its records, and whether the quad that lists it is there. */
export const NODE_TEXTS: string = `${COMMON}
for (var i = 0; i < parameters.keys.length; i++) {
  var name = node(parameters.keys[i]);
  g.emit({ texts: out(name, RECORD), intact: some(name, IN) });
}
`

/** Emits the newest record of each key that is there. */
export const NODES: string = `${COMMON}
for (var i = 0; i < parameters.keys.length; i++) {
  var text = newest(node(parameters.keys[i]));
  if (text !== null) g.emit(text);
}
`

/** Emits which of the keys are there. */
export const PRESENT: string = `${COMMON}
for (var i = 0; i < parameters.keys.length; i++)
  if (some(node(parameters.keys[i]), RECORD)) g.emit(parameters.keys[i]);
`

/** Emits, for each edge's name, the texts of all its records, and whether the quads by which it is found are there. */
export const EDGE_TEXTS: string = `${COMMON}
for (var i = 0; i < parameters.names.length; i++) {
  var name = parameters.names[i];
  g.emit({ texts: out(name, RECORD), intact: some(name, IN) && some(name, SOURCE) && some(name, TARGET) });
}
`

/** Emits, for each source, the versions of its set of edges, and each of its outgoing edges as `EDGE_TEXTS` does. */
export const EDGE_SETS: string = `${COMMON}
for (var i = 0; i < parameters.keys.length; i++) {
  var name = node(parameters.keys[i]), edges = [], names = into(name, SOURCE);
  for (var j = 0; j < names.length; j++)
    edges.push({ texts: out(names[j], RECORD), intact: some(names[j], IN) && some(names[j], TARGET) });
  g.emit({ versions: out(name, EDGES), edges: edges });
}
`

/** Emits, for each key, all that goes with the node: its records, its versions, and the records of edges on either side. */
export const WHOLE_NODES: string = `${COMMON}
for (var i = 0; i < parameters.keys.length; i++) {
  var name = node(parameters.keys[i]), texts = [], names = into(name, SOURCE).concat(into(name, TARGET));
  for (var j = 0; j < names.length; j++) texts = texts.concat(out(names[j], RECORD));
  g.emit({ nodes: out(name, RECORD), versions: out(name, EDGES), edges: texts });
}
`

/** Emits the newest record of every edge that leaves or enters the nodes, each once. */
export const EDGES_OF: string = `${COMMON}
var seen = {};
for (var i = 0; i < parameters.keys.length; i++) {
  var name = node(parameters.keys[i]), names = [];
  if (parameters.direction !== 'in') names = names.concat(into(name, SOURCE));
  if (parameters.direction !== 'out') names = names.concat(into(name, TARGET));
  for (var j = 0; j < names.length; j++) {
    if (seen[names[j]] || !typeFits(edgeParts(names[j])[1])) continue;
    seen[names[j]] = true;
    var text = newest(names[j]);
    if (text !== null) g.emit(text);
  }
}
`

/**
 * Goes through the nodes in order of key, part by part, from after `after`; emits those that fit, `limit` at most, and at last
 * where to go on (null at the end). It looks at `budget` records at most, since the server ends what takes too long.
 */
export const SCAN_NODES: string = `${COMMON}${FILTER_SCRIPT}
var left = parameters.limit, budget = parameters.budget, cursor = null;
function fits(text) {
  if (parameters.filter === null && parameters.label === null && parameters.placeholders) return true;
  var record = JSON.parse(text);
  if (record.p && !parameters.placeholders) return false;
  if (parameters.label !== null && record.l !== parameters.label) return false;
  return parameters.filter === null || matches(parameters.filter, record.m);
}
(function () {
  var first = parameters.after === '' ? 0 : parseInt(parameters.after.charAt(0), 16);
  var after = node(parameters.after), last = null;
  for (var part = first; part < 16; part++) {
    var names = into('<' + scope + '/n/' + part.toString(16) + '>', IN).sort();
    for (var i = 0; i < names.length; i++) {
      if (parameters.after !== '' && names[i] <= after) continue;
      if (left === 0 || budget === 0) { cursor = last; return; }
      budget--;
      last = names[i].substr(scope.length + 2, 32);
      var text = newest(names[i]);
      if (text === null || !fits(text)) continue;
      left--;
      g.emit(text);
    }
  }
})();
g.emit({ cursor: cursor });
`

/** The same for edges, in order of source, type, target and ordinal. */
export const SCAN_EDGES: string = `${COMMON}
var left = parameters.limit, cursor = null;
(function () {
  var first = parameters.after === '' ? 0 : parseInt(parameters.after.charAt(0), 16);
  var head = '<' + scope + '/e/', after = head + parameters.after + '>', last = null;
  for (var part = first; part < 16; part++) {
    var names = into('<' + scope + '/o/' + part.toString(16) + '>', IN).sort();
    for (var i = 0; i < names.length; i++) {
      if (parameters.after !== '' && names[i] <= after) continue;
      if (left === 0) { cursor = last; return; }
      last = names[i].substring(head.length, names[i].length - 1);
      var text = newest(names[i]);
      if (text === null) continue;
      left--;
      g.emit(text);
    }
  }
})();
g.emit({ cursor: cursor });
`

/** Emits how many nodes, placeholders or edges there are. */
export const COUNT: string = `${COMMON}
var total = 0;
for (var part = 0; part < 16; part++)
  total += g.V('<' + scope + '/' + parameters.list + '/' + part.toString(16) + '>').In(parameters.predicate).Count();
g.emit(total);
`

const STEP = `
// The neighbours of a node in one step, as pairs of key and the edge's name.
function step(key) {
  var name = node(key), found = [], i, names, parts;
  if (parameters.direction !== 'in')
    for (i = 0, names = into(name, SOURCE); i < names.length; i++) {
      parts = edgeParts(names[i]);
      if (typeFits(parts[1])) found.push([parts[2], names[i]]);
    }
  if (parameters.direction !== 'out')
    for (i = 0, names = into(name, TARGET); i < names.length; i++) {
      parts = edgeParts(names[i]);
      if (typeFits(parts[1])) found.push([parts[0], names[i]]);
    }
  return found;
}
`

/** A breadth-first walk; emits depth, start and record of each node that fits, nearest first, then by key. */
export const WALK: string = `${COMMON}${FILTER_SCRIPT}${STEP}
var left = parameters.limit;
function fits(text) {
  if (parameters.filter === null && parameters.placeholders) return true;
  var record = JSON.parse(text);
  return (parameters.placeholders || !record.p) && (parameters.filter === null || matches(parameters.filter, record.m));
}
(function () {
  var seen = {}, frontier = [], i, j;
  for (i = 0; i < parameters.starts.length; i++) {
    if (seen[parameters.starts[i]]) continue;
    seen[parameters.starts[i]] = true;
    frontier.push({ key: parameters.starts[i], start: parameters.starts[i] });
  }
  for (var depth = 1; depth <= parameters.max && frontier.length > 0; depth++) {
    var found = {};
    for (i = 0; i < frontier.length; i++) {
      var steps = step(frontier[i].key), start = frontier[i].start;
      for (j = 0; j < steps.length; j++) {
        var key = steps[j][0];
        if (!seen[key] && (!has(found, key) || start < found[key])) found[key] = start;
      }
    }
    var keys = Object.keys(found).sort();
    frontier = [];
    for (i = 0; i < keys.length; i++) {
      seen[keys[i]] = true;
      frontier.push({ key: keys[i], start: found[keys[i]] });
      if (depth < parameters.min) continue;
      var text = newest(node(keys[i]));
      if (text === null || !fits(text)) continue;
      g.emit({ depth: depth, start: found[keys[i]], text: text });
      if (--left === 0) return;
    }
  }
})();
`

/** A breadth-first search; emits the records of nodes and edges along a path with the fewest edges, or nothing. */
export const SHORTEST_PATH: string = `${COMMON}${STEP}
(function () {
  var before = {}, frontier = [parameters.from], i, j;
  before[parameters.from] = null;
  for (var depth = 1; depth <= parameters.max && frontier.length > 0 && !before[parameters.to]; depth++) {
    var next = [];
    for (i = 0; i < frontier.length && !before[parameters.to]; i++) {
      var steps = step(frontier[i]);
      for (j = 0; j < steps.length; j++) {
        var key = steps[j][0];
        if (before[key] !== undefined) continue;
        before[key] = { key: frontier[i], edge: steps[j][1] };
        next.push(key);
      }
    }
    frontier = next;
  }
  if (!before[parameters.to]) return;
  var nodes = [newest(node(parameters.to))], edges = [];
  for (var at = before[parameters.to]; at; at = before[at.key]) {
    nodes.unshift(newest(node(at.key)));
    edges.unshift(newest(at.edge));
  }
  g.emit({ nodes: nodes, edges: edges });
})();
`
