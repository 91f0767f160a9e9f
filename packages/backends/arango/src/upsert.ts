import type { UpsertMode } from '@veritas-db/core/contract'

/** Whether a new document may be written where `old` is, or is not, in AQL. Versions are hexadecimal and of one length, so that any order of texts is theirs. */
export const versionCondition = (mode: UpsertMode, version = 'x.version'): string => {
  if (mode === 'replace') return 'true'
  return mode === 'ifAbsent' ? 'old == null' : `(old == null || old.version <= ${version})`
}
