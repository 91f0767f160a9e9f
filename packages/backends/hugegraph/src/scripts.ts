/**
 * The scripts, in Groovy, that run on the server. Their texts never change, so that the server compiles each once; all values are bindings: `z` holds
 * the arguments as JSON, or `s` the id of a vertex that holds them in its property `l`, where they are too long for a request.
 * A script is one transaction: it commits when it ends, and writes nothing where it fails. What was handed over is taken away before, for
 * HugeGraph reads no pages while something is not committed.
 */
const HEAD = `
def tr = graph.traversal()
def json = { text -> org.apache.hugegraph.util.JsonUtil.fromJson(text, Object.class) }
def handed = s == '' ? null : tr.V(s).next()
def a = json(handed == null ? z : handed.value(l))
if (handed != null) { handed.remove(); graph.tx().commit() }
def idOf = { key -> a.t + ':' + key }
def keyOf = { id -> def text = id.toString(); text.substring(text.length() - 32) }
def load = { keys ->
  def found = [:]
  keys.toSet().collate(500).each { some -> tr.V(some.collect { idOf(it) }).each { found[keyOf(it.id())] = it } }
  found
}
def nodeRow = { v -> [keyOf(v.id()), v.value(a.doc), v.value(a.ver), v.value(a.kind), v.value(a.ph), v.value(a.data)] }
def edgeRow = { e -> [keyOf(e.outVertex().id()), keyOf(e.inVertex().id()), e.value(a.type), e.value(a.ord), e.value(a.ver), e.value(a.data)] }
`

/**
 * The filter language: `test(filter, properties)`, as the contract's table says. Dates are maps with the one field $date. Texts are
 * compared by code point; Java's own comparison goes by UTF-16 unit.
 */
const FILTER = `
def isDate = { v -> v instanceof Map && v.size() == 1 && v.containsKey('$date') }
def at = { m, path ->
  def v = m
  for (part in path.tokenize('.')) {
    if (!(v instanceof Map) || isDate(v)) return null
    v = v.get(part)
  }
  v
}
def same = { v, w ->
  if (w == null) return v == null
  if (w instanceof Number) return v instanceof Number && v.doubleValue() == w.doubleValue()
  if (w instanceof String) return v instanceof String && v.equals(w)
  if (w instanceof Boolean) return v instanceof Boolean && v.equals(w)
  isDate(v) && v.get('$date').longValue() == w.get('$date').longValue()
}
def textOrder = { String x, String y ->
  int n = Math.min(x.length(), y.length())
  for (int i = 0; i < n; i++) {
    char c = x.charAt(i)
    char d = y.charAt(i)
    if (c != d) {
      boolean p = Character.isSurrogate(c)
      boolean q = Character.isSurrogate(d)
      return p == q ? ((int) c) - ((int) d) : (p ? 1 : -1)
    }
  }
  x.length() - y.length()
}
def order = { v, w ->
  if (v instanceof Number && w instanceof Number) {
    double x = v.doubleValue()
    double y = w.doubleValue()
    return x < y ? -1 : (x > y ? 1 : 0)
  }
  if (v instanceof String && w instanceof String) return textOrder(v, w)
  if (isDate(v) && isDate(w)) return Long.compare(v.get('$date').longValue(), w.get('$date').longValue())
  null
}
def test
test = { f, m ->
  def op = f.get('op')
  if (op == 'and') return f.get('nodes').every { test(it, m) }
  if (op == 'or') return f.get('nodes').any { test(it, m) }
  if (op == 'not') return !test(f.get('node'), m)
  def v = at(m, f.get('path'))
  def w = f.get('value')
  if (op == 'eq') return same(v, w)
  if (op == 'ne') return !same(v, w)
  if (op == 'in') return f.get('values').any { same(v, it) }
  if (op == 'nin') return !f.get('values').any { same(v, it) }
  if (op == 'exists') return (v != null) == w
  if (op == 'startsWith') return v instanceof String && v.startsWith(w)
  if (op == 'contains') {
    if (v instanceof List) return v.any { same(it, w) }
    return f.get('in') != 'list' && v instanceof String && w instanceof String && v.contains(w)
  }
  def o = order(v, w)
  if (o == null) return false
  if (op == 'gt') return o > 0
  if (op == 'gte') return o >= 0
  if (op == 'lt') return o < 0
  o <= 0
}
def wanted = { v ->
  if (!a.placeholders && v.value(a.ph)) return false
  if (a.label != null && v.value(a.kind) != a.label) return false
  a.filter == null || test(a.filter, json(v.value(a.data)))
}
`

const DIRECTION = `
def direction = a.direction == 'out' ? Direction.OUT : (a.direction == 'in' ? Direction.IN : Direction.BOTH)
def edgesOf = { v ->
  v.edges(direction, a.edge).findAll { a.types == null || a.types.contains(it.value(a.type)) }
}
`

/**
 * `ids` of vertices. Answers id and version of each that is there, one after the other. This and the next are run for every batch that compares: they
 * leave to the client what it does faster than Groovy.
 */
export const NODE_VERSIONS: string = `${HEAD}
def found = []
String ver = a.ver
a.ids.collate(500).each { some -> tr.V(some).each { found << it.id().toString(); found << it.value(ver) } }
found`

/**
 * `kinds` of type and ordinal; `edges`: source, target and number of the kind, one after the other. Answers their versions, empty where there is none. They are
 * looked up by id, some at a time, since the server takes 16 KiB of ids: to look through a vertex' edges takes long where many were deleted.
 */
export const EDGE_VERSIONS: string = `${HEAD}
String label = graph.edgeLabel(a.edge).id().asString()
def kinds = a.kinds.collect {
  '>' + label + '>' + label + '>' + org.apache.hugegraph.backend.query.ConditionQuery.concatValues([it[0], it[1] as Long]) + '>S'
}
String head = a.t + ':'
def ids = []
for (int i = 0; i < a.edges.size(); i += 3) ids << 'S' + head + a.edges[i] + kinds[a.edges[i + 2]] + head + a.edges[i + 1]
def found = [:]
String ver = a.ver
ids.collate(60).each { some -> tr.E(some).each { found[it.id().toString()] = it.value(ver) } }
ids.collect { found[it] ?: '' }`

/** Edges by their vertices, all read at once: to look for those of one vertex after something was written would look through all that was. */
const OUTGOING = `
def outgoing = { vertices, String... labels ->
  def found = [:].withDefault { [] }
  vertices.collate(500).each { some ->
    if (!some.isEmpty()) tr.V(some.collect { it.id() }).outE(labels).each { found[keyOf(it.outVertex().id())] << it }
  }
  found
}
def same = { e -> e[0] + ' ' + e[1] + ' ' + e[3] + ' ' + e[2] }
`

/**
 * `sets` of source (each once), version, rows of source, target, type, ordinal, version, properties. Answers 1 for what was written, 0 for what
 * is stale, 2 where source or target is missing.
 */
export const REPLACE_EDGES: string = `${HEAD}${OUTGOING}
def there = load(a.sets.collectMany { [it[0]] + it[2].collect { r -> r[1] } })
// All labels at once: each look for one label passes the marks of what was deleted there.
def before = outgoing(a.sets.findResults { there[it[0]] })
before.values().each { edges -> edges.retainAll { it.label() == a.edge || it.label() == a.set } }
a.sets.collect { set ->
  def source = there[set[0]]
  if (source == null || set[2].any { there[it[1]] == null }) return 2
  if (before[set[0]].any { it.value(a.ver) > set[1] }) return 0
  def kept = set[2].collect { same(it) }.toSet()
  before[set[0]].each { if (it.label() == a.edge && !kept.contains(same(edgeRow(it)))) it.remove() }
  set[2].each { r -> source.addEdge(a.edge, there[r[1]], a.type, r[2], a.ord, r[3] as Long, a.ver, r[4], a.data, r[5]) }
  source.addEdge(a.set, source, a.ver, set[1])
  1
}`

/**
 * `keys`, and `below`: the version below which nodes go, or empty. Answers how many went. To remove a vertex, HugeGraph looks for its edges, also
 * among all that is not committed: hence some at a time.
 */
export const DELETE_NODES: string = `${HEAD}
def gone = 0
a.keys.collate(50).each { some ->
  load(some).values().each { v ->
    if (a.below == '' || v.value(a.ver) < a.below) { v.remove(); gone++ }
  }
  graph.tx().commit()
}
gone`

/** `rows` of source, target, type, ordinal. Answers how many went. */
export const DELETE_EDGES: string = `${HEAD}${OUTGOING}
def wanted = a.rows.collect { same(it) }.toSet()
def gone = 0
outgoing(load(a.rows.collect { it[0] }).values().toList(), a.edge).values().each { edges ->
  edges.each { if (wanted.contains(same(edgeRow(it)))) { it.remove(); gone++ } }
}
gone`

/** `keys`, `direction`, `types` or null. Answers rows of edges, each once. */
export const GET_EDGES: string = `${HEAD}${DIRECTION}
def seen = [:]
load(a.keys).values().each { v -> edgesOf(v).each { seen[it.id().toString()] = edgeRow(it) } }
seen.values().toList()`

/**
 * Pages of 200: one of 500 or more (the server's `query.page_size`) would hold its last element again as the first of the next page, in 1.5.0.
 * `pageOf` answers a page of a scope's vertices and where the next one starts, null at the end.
 */
const PAGES = `
def pageOf = { from, most ->
  def t = tr.V().hasLabel(a.node).has('~page', from).limit(Math.min(200, most))
  def list = t.toList()
  def next = org.apache.hugegraph.traversal.optimize.TraversalUtil.page(t)
  [list, list.isEmpty() && next == from ? null : next]
}
def walk = { from, most, visit ->
  def page = from
  def left = most
  while (page != null && left > 0) {
    def (list, next) = pageOf(page, left)
    list.each(visit)
    left -= list.size()
    page = next
  }
  page
}
`

/** `label`, `filter`, `placeholders`, `limit`. Answers the first of the matching nodes in order of key. */
export const FIND_NODES: string = `${HEAD}${FILTER}${PAGES}
def first = new TreeMap()
walk('', Integer.MAX_VALUE) { v ->
  if (wanted(v)) {
    first.put(keyOf(v.id()), v)
    if (first.size() > a.limit) first.pollLastEntry()
  }
}
first.values().collect { nodeRow(it) }`

/** `of`, `placeholders`. Answers a number. */
export const COUNT: string = `${HEAD}${PAGES}
if (a.of == 'nodes' && a.placeholders) return tr.V().hasLabel(a.node).count().next()
def counted = 0L
walk('', Integer.MAX_VALUE) { v ->
  if (a.of == 'edges') counted += v.edges(Direction.OUT, a.edge).size()
  else if (!v.value(a.ph)) counted++
}
counted`

/** `page`, `limit`, `filter`, `heads`. Answers rows, and where the next page starts (empty at the end). */
export const SCAN_NODES: string = `${HEAD}${FILTER}${PAGES}
def rows = []
def page = a.page
while (page != null && rows.isEmpty()) {
  page = walk(page, a.limit) { if (wanted(it)) rows << (a.heads ? [keyOf(it.id()), it.value(a.ver)] : nodeRow(it)) }
}
[rows, page == null ? '' : page]`

/**
 * `page` of vertices, `after` (what tells the last edge of it that was given, or empty), `limit`. Answers rows, in which page to go on (null at the end),
 * and after which of its edges. Edges have no index of their label, which would make each write half as long again: they are found by their sources.
 */
export const SCAN_EDGES: string = `${HEAD}${PAGES}
def place = { e -> e[0] + ' ' + e[1] + ' ' + e[2] + ' ' + e[3] }
def rows = []
def page = a.page
def after = a.after
while (page != null && rows.size() < a.limit) {
  def (list, next) = pageOf(page, 200)
  for (v in list.sort { keyOf(it.id()) }) {
    if (rows.size() >= a.limit) break
    if (after != '' && keyOf(v.id()) < after.substring(0, 32)) continue
    def edges = v.edges(Direction.OUT, a.edge).collect { edgeRow(it) }.findAll { after == '' || place(it) > after }.sort { place(it) }
    rows.addAll(edges.take((int) Math.min(edges.size(), a.limit - rows.size())))
  }
  if (rows.size() >= a.limit) after = place(rows.last())
  else {
    page = next
    after = ''
  }
}
[rows, page, after]`

/** `starts`, `direction`, `types`, `min`, `max`, `filter`, `placeholders`, `limit`. Answers depth, start and row of each node. */
export const NEIGHBORS: string = `${HEAD}${FILTER}${DIRECTION}
def origin = [:]
a.starts.each { origin[it] = it }
def frontier = load(a.starts)
def out = []
for (int depth = 1; depth <= a.max && !frontier.isEmpty() && out.size() < a.limit; depth++) {
  def found = [:]
  frontier.each { key, v ->
    def start = origin[key]
    edgesOf(v).each { e ->
      def o = keyOf(e.outVertex().id())
      def i = keyOf(e.inVertex().id())
      def other = a.direction == 'out' ? i : (a.direction == 'in' ? o : (o == key ? i : o))
      if (!origin.containsKey(other)) {
        def before = found[other]
        if (before == null || start < before) found[other] = start
      }
    }
  }
  origin.putAll(found)
  frontier = load(found.keySet())
  if (depth >= a.min) for (key in frontier.keySet().sort()) {
    if (out.size() >= a.limit) break
    if (wanted(frontier[key])) out << [depth, found[key], nodeRow(frontier[key])]
  }
}
out`

/** `from`, `to`, `direction`, `types`, `max`. Answers nothing, or rows of the nodes and rows of the edges. */
export const SHORTEST_PATH: string = `${HEAD}${DIRECTION}
def ends = load([a.from, a.to])
if (ends[a.from] == null || ends[a.to] == null) return []
def came = [(a.from): null]
def frontier = [(a.from): ends[a.from]]
for (int depth = 1; depth <= a.max && !frontier.isEmpty() && !came.containsKey(a.to); depth++) {
  def found = []
  frontier.each { key, v ->
    edgesOf(v).each { e ->
      def o = keyOf(e.outVertex().id())
      def i = keyOf(e.inVertex().id())
      def other = a.direction == 'out' ? i : (a.direction == 'in' ? o : (o == key ? i : o))
      if (!came.containsKey(other)) {
        came[other] = [key, edgeRow(e)]
        found << other
      }
    }
  }
  frontier = came.containsKey(a.to) ? [:] : load(found)
}
if (!came.containsKey(a.to)) return []
def keys = [a.to]
def edges = []
while (keys[0] != a.from) {
  def step = came[keys[0]]
  edges.add(0, step[1])
  keys.add(0, step[0])
}
def on = load(keys)
[keys.collect { nodeRow(on[it]) }, edges]`
