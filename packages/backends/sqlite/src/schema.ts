import { type RoleName, type Scope, VeritasError } from '@veritas-db/core/contract'
import type { Session } from './session.js'

const schemaVersion = 1

/** The schema a file has; undefined where it has none of ours. */
const schemaOf = (session: Session): unknown =>
  session.get("SELECT 1 FROM sqlite_schema WHERE name = 'veritas_meta'") &&
  session.get("SELECT value FROM veritas_meta WHERE name = 'schema'")?.value

/** Whether a file has our tables already. @throws VeritasError CONFIGURATION where they are those of a later version */
export const isMigrated = (session: Session): boolean => {
  const found = schemaOf(session)
  if (found === undefined || found === schemaVersion) return found !== undefined
  throw new VeritasError({
    code: 'CONFIGURATION',
    message: `The file has schema ${found}, this version of @veritas-db/sqlite reads schema ${schemaVersion}: upgrade @veritas-db/sqlite.`,
  })
}

/** Makes our own tables where they are not there. Runs in a transaction. */
export const migrate = (session: Session): void => {
  session.db.exec(`
    CREATE TABLE IF NOT EXISTS veritas_meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
    -- Every collection, graph and table, and the number its own tables are named by. Numbers are never used again.
    CREATE TABLE IF NOT EXISTS veritas_spaces (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      role TEXT NOT NULL, tenant TEXT NOT NULL, collection TEXT NOT NULL, incarnation INTEGER NOT NULL, name TEXT NOT NULL,
      definition TEXT NOT NULL,
      UNIQUE (role, tenant, collection, incarnation, name)
    );
    -- Per vector collection: live rows, the first slot never used, free slots below it, and the number of the last change.
    CREATE TABLE IF NOT EXISTS veritas_vector_state (
      space INTEGER PRIMARY KEY, row_count INTEGER NOT NULL, high INTEGER NOT NULL, free INTEGER NOT NULL,
      seq INTEGER NOT NULL, floor INTEGER NOT NULL
    );
    -- Which slots each transaction changed, as pairs of first slot and count. Entries up to the state's floor have been merged.
    CREATE TABLE IF NOT EXISTS veritas_vector_log (
      space INTEGER NOT NULL, seq INTEGER NOT NULL, slots BLOB NOT NULL, PRIMARY KEY (space, seq)
    ) WITHOUT ROWID;
  `)
  if (!isMigrated(session)) session.run("INSERT INTO veritas_meta VALUES ('schema', ?)", schemaVersion)
}

/** One collection, graph or table: its entry in the catalogue. */
export interface Space<D> {
  readonly id: number
  readonly definition: D
}

const identify = (role: RoleName, scope: Scope, name: string): [string, string, string, number, string] => [
  role,
  scope.tenant ?? '',
  scope.collection,
  scope.incarnation ?? 0,
  name,
]

/** The entry of a space; undefined where there is none. */
export const findSpace = <D>(session: Session, role: RoleName, scope: Scope, name = ''): Space<D> | undefined => {
  const identity = identify(role, scope, name)
  const key = identity.join('\n')
  if (session.spaces.has(key)) return session.spaces.get(key) as Space<D> | undefined
  const row = session.get(
    `SELECT id, definition FROM veritas_spaces WHERE role = ? AND tenant = ? AND collection = ? AND incarnation = ? AND name = ?`,
    ...identity,
  )
  const space = row && { id: row.id as number, definition: JSON.parse(row.definition as string) as D }
  session.spaces.set(key, space)
  return space
}

/** Enters a space, or replaces its definition. Runs in a transaction. */
export const saveSpace = <D>(session: Session, role: RoleName, scope: Scope, name: string, definition: D): Space<D> => {
  session.spaces.clear()
  const row = session.get(
    `INSERT INTO veritas_spaces (role, tenant, collection, incarnation, name, definition) VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET definition = excluded.definition RETURNING id`,
    ...identify(role, scope, name),
    JSON.stringify(definition),
  )
  return { id: row?.id as number, definition }
}

/** Removes a space's entry; its tables are the caller's. Runs in a transaction. */
export const removeSpace = (session: Session, id: number): void => {
  session.spaces.clear()
  session.run('DELETE FROM veritas_spaces WHERE id = ?', id)
}

/** All spaces of a role. */
export const listSpaces = <D>(session: Session, role: RoleName): { scope: Scope; name: string; space: Space<D> }[] =>
  session
    .all('SELECT * FROM veritas_spaces WHERE role = ? ORDER BY tenant, collection, incarnation, name', role)
    .map((row) => ({
      scope: {
        ...(row.tenant !== '' && { tenant: row.tenant as string }),
        collection: row.collection as string,
        ...(row.incarnation !== 0 && { incarnation: row.incarnation as number }),
      },
      name: row.name as string,
      space: { id: row.id as number, definition: JSON.parse(row.definition as string) as D },
    }))
