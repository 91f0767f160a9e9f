// ArangoDB's error numbers (docs.arangodb.com/3.12/develop/error-codes) with the HTTP status they come with.
export const errorNumbers: Readonly<Record<number, readonly [status: number, message: string]>> = {
  9: [501, 'not implemented'],
  10: [400, 'bad parameter'],
  11: [401, 'not authorized to execute this request'],
  400: [400, 'bad parameter'],
  404: [404, 'unknown path'],
  405: [405, 'method not supported'],
  500: [500, 'internal error'],
  503: [503, 'service unavailable'],
  600: [400, 'invalid JSON object'],
  601: [400, 'superfluous URL suffices'],
  1200: [409, 'conflict'],
  1202: [404, 'document not found'],
  1203: [404, 'collection or view not found'],
  1207: [409, 'duplicate name'],
  1208: [400, 'illegal name'],
  1210: [409, 'unique constraint violated'],
  1212: [404, 'index not found'],
  1218: [400, 'collection type invalid'],
  1221: [400, 'illegal document key'],
  1222: [409, 'unexpected document key'],
  1226: [400, 'missing document key'],
  1227: [400, 'invalid document type'],
  1228: [404, 'database not found'],
  1229: [400, 'database name invalid'],
  1230: [403, 'operation only allowed in system database'],
  1233: [400, 'edge attribute missing or invalid'],
  1501: [400, 'syntax error'],
  1502: [400, 'query is empty'],
  1504: [400, 'number out of range'],
  1511: [400, 'variable is assigned multiple times'],
  1512: [400, 'unknown variable'],
  1540: [400, 'usage of unknown function'],
  1541: [400, 'invalid number of arguments for function'],
  1542: [400, 'invalid argument type in call to function'],
  1543: [400, 'invalid regex value'],
  1551: [400, 'no value specified for declared bind parameter'],
  1552: [400, 'bind parameter was not declared in the query'],
  1553: [400, 'bind parameter has an invalid value or type'],
  1563: [400, 'array expected'],
  1574: [400, 'invalid aggregate expression'],
  1579: [400, 'access after data-modification'],
  1600: [404, 'cursor not found'],
  1652: [400, 'unregistered collection used in transaction'],
  1653: [400, 'disallowed operation inside transaction'],
  1654: [410, 'transaction aborted'],
  1655: [404, 'transaction not found'],
}

export class ArangoFailure extends Error {
  readonly errorNum: number
  readonly status: number
  /** What a failed comparison of revisions tells of the stored document. */
  readonly stored: { _id: string; _key: string; _rev: string } | undefined

  constructor(errorNum: number, detail?: string, status?: number, stored?: ArangoFailure['stored']) {
    const [known, text] = errorNumbers[errorNum] ?? [500, 'internal error']
    super(detail === undefined ? text : detail.startsWith('=') ? detail.slice(1) : `${text}: ${detail}`)
    this.errorNum = errorNum
    this.status = status ?? known
    this.stored = stored
  }
}

/** A syntax error, or a part of AQL that this emulator does not know: tests must fail on it, never pass by accident. */
export const parseError = (message: string): ArangoFailure => new ArangoFailure(1501, message)
