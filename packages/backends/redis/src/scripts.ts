import { hash } from 'node:crypto'

/** A Lua script, which the server keeps under the SHA-1 of its text. */
export interface Script {
  readonly text: string
  readonly sha: string
}

/**
 * `#!lua` lets Redis refuse a script as a whole when memory is short, instead of letting it delete and then fail to write.
 * All scripts begin alike: KEYS are the registry of collections and the collection's list of record ids; ARGV are the collection's
 * name, its generation and the prefix of its records' keys. They answer nil where that generation is no longer there.
 */
const script = (body: string): Script => {
  const text = `#!lua
local entry = redis.call('HGET', KEYS[1], ARGV[1])
if not entry or string.sub(entry, 1, #ARGV[2]) ~= ARGV[2] then return false end
local ids, prefix = KEYS[2], ARGV[3]
${body}`
  return { text, sha: hash('sha1', text) }
}

/** The ids of a document's records: they start with its key and a colon, after which comes the semicolon. */
const ofDocument = `
local function of_document(key)
  return redis.call('ZRANGE', ids, '[' .. key .. ':', '(' .. key .. ';', 'BYLEX')
end`

/** HSET in portions, for Lua hands over no more than some thousand arguments at once. */
const store = `
local function store(key, first, last)
  for i = first, last, 2000 do
    redis.call('HSET', key, unpack(ARGV, i, math.min(i + 1999, last)))
  end
end`

/**
 * Writes whole records. ARGV[4] is the mode (`replace`, `ifNewer`, `ifAbsent`); then per record: id, version, how many
 * arguments its fields take, and these. Answers 1 for each record that was written, 0 for each that is stale.
 */
export const upsertScript: Script = script(`${store}
local mode, out, i = ARGV[4], {}, 5
while i <= #ARGV do
  local id, version, n = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2])
  local key = prefix .. id
  local old = redis.call('HGET', key, 'v')
  local stale = old and (mode == 'ifAbsent' or (mode == 'ifNewer' and old > version))
  if stale then
    out[#out + 1] = 0
  else
    if old then redis.call('DEL', key) end
    store(key, i + 3, i + 2 + n)
    redis.call('ZADD', ids, 0, id)
    out[#out + 1] = 1
  end
  i = i + 3 + n
end
return out`)

/** Replaces the metadata of records, written as above without a mode; vector, text and id stay. Missing and newer records are stale. */
export const patchScript: Script = script(`${store}
local out, i = {}, 4
while i <= #ARGV do
  local id, version, n = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2])
  local key = prefix .. id
  local old = redis.call('HMGET', key, 'v', 'i', 'e', 't', 'x')
  if not old[1] or old[1] > version then
    out[#out + 1] = 0
  else
    redis.call('DEL', key)
    local kept = { 'i', old[2], 'e', old[3] }
    if old[4] then kept[#kept + 1] = 't' kept[#kept + 1] = old[4] end
    if old[5] then kept[#kept + 1] = 'x' kept[#kept + 1] = old[5] end
    redis.call('HSET', key, unpack(kept))
    store(key, i + 3, i + 2 + n)
    out[#out + 1] = 1
  end
  i = i + 3 + n
end
return out`)

/** Reads fields of records. ARGV[4] is how many fields, then come their names, then keys of documents or ids of records. Answers lists of id and values. */
export const readScript: Script = script(`${ofDocument}
local n, out = tonumber(ARGV[4]), {}
local function read(id)
  local values = redis.call('HMGET', prefix .. id, unpack(ARGV, 5, 4 + n))
  if values[1] then
    table.insert(values, 1, id)
    out[#out + 1] = values
  end
end
for i = 5 + n, #ARGV do
  if #ARGV[i] == 32 then
    for _, id in ipairs(of_document(ARGV[i])) do read(id) end
  else
    read(ARGV[i])
  end
end
return out`)

/** Ids in order after ARGV[4] (`-` for the first), ARGV[5] at most. */
export const pageScript: Script = script(`return redis.call('ZRANGE', ids, ARGV[4], '+', 'BYLEX', 'LIMIT', 0, ARGV[5])`)

export const countScript: Script = script(`return redis.call('ZCARD', ids)`)

/** Deletes records: pairs of a document's key or a record's id, and the version below which they go (empty: all). Answers how many. */
export const removeScript: Script = script(`${ofDocument}
local removed = 0
local function remove(id, below)
  local key = prefix .. id
  if below ~= '' then
    local version = redis.call('HGET', key, 'v')
    if version and version >= below then return end
  end
  removed = removed + redis.call('DEL', key)
  redis.call('ZREM', ids, id)
end
for i = 4, #ARGV, 2 do
  if #ARGV[i] == 32 then
    for _, id in ipairs(of_document(ARGV[i])) do remove(id, ARGV[i + 1]) end
  else
    remove(ARGV[i], ARGV[i + 1])
  end
end
return removed`)

const free = (text: string): Script => ({ text, sha: hash('sha1', text) })

/** Changes a collection's entry in the registry (KEYS[1]) where it still is what was read: name, old entry, new entry. */
export const changeScript: Script = free(`#!lua
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1`)

/** Takes a collection off the registry (KEYS[1]) and notes what remains of it in KEYS[2]. */
export const dropScript: Script = free(`#!lua
local entry = redis.call('HGET', KEYS[1], ARGV[1])
if not entry then return 0 end
redis.call('SADD', KEYS[2], string.sub(entry, 1, tonumber(ARGV[2])))
redis.call('HDEL', KEYS[1], ARGV[1])
return 1`)
