import { hash } from 'node:crypto'

/** A Lua script, which the server keeps under the SHA-1 of its text. */
export interface Script {
  readonly text: string
  readonly sha: string
}

const named = (text: string): Script => ({ text, sha: hash('sha1', text) })

/**
 * `#!lua` lets Redis refuse a script as a whole when memory is short, instead of letting it delete and then fail to write.
 * Scripts on collections begin alike: KEYS are the registry of collections, the collection's list of record ids, and its
 * vector set; ARGV are the collection's name, its generation and the prefix of its records' keys.
 */
const HEAD = `#!lua
local entry = redis.call('HGET', KEYS[1], ARGV[1])
local there = entry and string.sub(entry, 1, #ARGV[2]) == ARGV[2]
local ids, prefix = KEYS[2], ARGV[3]
`

/** A script that answers nil where the collection's generation is no longer there. */
const script = (body: string): Script => named(`${HEAD}if not there then return false end\n${body}`)

/** The ids of a document's records: they start with its key and a colon, after which comes the semicolon. */
const OF_DOCUMENT = `
local function of_document(key)
  return redis.call('ZRANGE', ids, '[' .. key .. ':', '(' .. key .. ';', 'BYLEX')
end`

/** What a vector set has to be told of: nothing where RediSearch indexes the hashes by itself. */
interface Steps {
  /** How many arguments follow the fifth, before the records. */
  readonly parameters: number
  /** How many arguments there are for each record. */
  readonly perRecord: number
  /** After a record `id` was written to `key`, by the arguments from `i` on. */
  readonly put: string
  /** After a record `id` was deleted. */
  readonly drop: string
}

export interface WriteScripts {
  readonly finish: Script
  readonly remove: Script
}

/**
 * What ends each transaction that writes records. `replace` has put the hashes in their places already; the other modes have
 * left them under the keys that start with ARGV[5], from which this script moves those that are not stale: so the records
 * themselves do not pass through Lua, which would copy every byte of them. ARGV[4] is the mode; then come the parameters, then id
 * and version of each record. Answers 1 for each that was written, 0 for each that is stale.
 * Where the collection is gone, it takes back what the transaction wrote, and answers nil.
 */
const finishScript = ({ parameters, perRecord, put }: Steps): Script =>
  named(`${HEAD}
local mode, waiting = ARGV[4], ARGV[5]
local out, members = {}, {}
for i = ${6 + parameters}, #ARGV, ${perRecord} do
  local id, version = ARGV[i], ARGV[i + 1]
  local key, new = prefix .. id, waiting .. id
  local written = 1
  if not there then
    redis.call('UNLINK', mode == 'replace' and key or new)
  elseif mode ~= 'replace' then
    local old = redis.call('HGET', key, 'v')
    local stale = old and (mode == 'ifAbsent' or old > version)
    if stale or (mode == 'patch' and not old) then
      redis.call('UNLINK', new)
      written = 0
    else
      if mode == 'patch' then
        for _, field in ipairs({ 'i', 'e', 't', 'x' }) do
          local kept = redis.call('HGET', key, field)
          if kept then redis.call('HSET', new, field, kept) end
        end
      end
      redis.call('RENAME', new, key)
    end
  end
  if there and written == 1 then
    members[#members + 1] = 0
    members[#members + 1] = id
    ${put}
  end
  out[#out + 1] = written
end
if not there then return false end
for i = 1, #members, 2000 do
  redis.call('ZADD', ids, unpack(members, i, math.min(i + 1999, #members)))
end
return out`)

/** Deletes records: pairs of a document's key or a record's id, and the version below which they go (empty: all). Answers how many. */
const removeScript = ({ drop }: Steps): Script =>
  script(`${OF_DOCUMENT}
local removed = 0
local function remove(id, below)
  local key = prefix .. id
  if below ~= '' then
    local version = redis.call('HGET', key, 'v')
    if version and version >= below then return end
  end
  removed = removed + redis.call('DEL', key)
  redis.call('ZREM', ids, id)
  ${drop}
end
for i = 4, #ARGV, 2 do
  if #ARGV[i] == 32 then
    for _, id in ipairs(of_document(ARGV[i])) do remove(id, ARGV[i + 1]) end
  else
    remove(ARGV[i], ARGV[i + 1])
  end
end
return removed`)

const writeScripts = (steps: Steps): WriteScripts => ({ finish: finishScript(steps), remove: removeScript(steps) })

export const hashScripts: WriteScripts = writeScripts({ parameters: 0, perRecord: 2, put: '', drop: '' })

/** Parameters: the edges of a node, and the candidates looked at while a vector is added. A record's third argument: its attributes. */
export const vectorSetScripts: WriteScripts = writeScripts({
  parameters: 2,
  perRecord: 3,
  put: `if mode == 'patch' then
      redis.call('VSETATTR', KEYS[3], id, ARGV[i + 2])
    else
      local vector = redis.call('HGET', key, 'e')
      redis.call('VADD', KEYS[3], 'FP32', vector, id, 'NOQUANT', 'EF', ARGV[7], 'SETATTR', ARGV[i + 2], 'M', ARGV[6])
    end`,
  drop: `redis.call('VREM', KEYS[3], id)`,
})

/** Reads fields of records. ARGV[4] is how many fields, then come their names, then keys of documents or ids of records. Answers lists of id and values. */
export const readScript: Script = script(`${OF_DOCUMENT}
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

/** Changes a collection's entry in the registry (KEYS[1]) where it still is what was read: name, old entry, new entry. */
export const changeScript: Script = named(`#!lua
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1`)

/** Takes a collection off the registry (KEYS[1]) and notes what remains of it in KEYS[2]. */
export const dropScript: Script = named(`#!lua
local entry = redis.call('HGET', KEYS[1], ARGV[1])
if not entry then return 0 end
redis.call('SADD', KEYS[2], string.sub(entry, 1, tonumber(ARGV[2])))
redis.call('HDEL', KEYS[1], ARGV[1])
return 1`)
