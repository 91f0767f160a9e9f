// What a query is after parsing.
export type Quantifier = { kind: 'ANY' | 'ALL' | 'NONE' } | { kind: 'AT LEAST'; count: Expression }

export type BinaryOperator =
  | '=='
  | '!='
  | '<'
  | '<='
  | '>'
  | '>='
  | 'IN'
  | 'NOT IN'
  | 'LIKE'
  | 'NOT LIKE'
  | '=~'
  | '!~'
  | '+'
  | '-'
  | '*'
  | '/'
  | '%'
  | '..'

export interface ObjectEntry {
  /** A fixed name or a computed one. */
  name: string | Expression
  value: Expression
}

export type Expression =
  | { type: 'literal'; value: null | boolean | number | string }
  /** `path`: behind a dot, where a list of strings is a path of attributes. */
  | { type: 'bind'; name: string; path?: true }
  | { type: 'name'; name: string }
  | { type: 'collection'; collection: CollectionRef }
  | { type: 'array'; items: Expression[] }
  | { type: 'object'; entries: ObjectEntry[] }
  | { type: 'attribute'; of: Expression; name: Expression }
  | { type: 'expand'; of: Expression; depth: number; rest: Access[] }
  | { type: 'call'; name: string; args: Expression[] }
  | { type: 'unary'; operator: '!' | '-' | '+'; of: Expression }
  | { type: 'binary'; operator: BinaryOperator; left: Expression; right: Expression; quantifier?: Quantifier }
  | { type: 'logical'; operator: '&&' | '||'; left: Expression; right: Expression }
  | { type: 'ternary'; test: Expression; yes: Expression | undefined; no: Expression }
  | { type: 'subquery'; body: Clause[] }

/** What follows `[*]`: applied to each element. */
export type Access = { name: Expression }

export type CollectionRef = { kind: 'fixed'; name: string } | { kind: 'bind'; name: string }

export type Direction = 'OUTBOUND' | 'INBOUND' | 'ANY'

export interface EdgeCollectionRef {
  direction: Direction
  collection: CollectionRef
}

export interface Traversal {
  vertex: string
  edge: string | undefined
  path: string | undefined
  direction: Direction
  edges: EdgeCollectionRef[]
  options: Expression | undefined
}

export type ModifyKind = 'INSERT' | 'UPDATE' | 'REPLACE' | 'REMOVE'

export type Clause =
  | { type: 'for'; variable: string; source: Expression }
  | ({
      type: 'traverse'
      min: Expression
      max: Expression
      start: Expression
      prune: Expression | undefined
      pruneVariable: string | undefined
    } & Traversal)
  | ({ type: 'shortestPath'; start: Expression; target: Expression } & Traversal)
  | { type: 'filter'; test: Expression }
  | { type: 'let'; variable: string; value: Expression }
  | { type: 'sort'; by: { value: Expression; descending: boolean | Expression }[] }
  | { type: 'limit'; offset: Expression | undefined; count: Expression }
  | {
      type: 'collect'
      groups: { variable: string; value: Expression }[]
      aggregates: { variable: string; call: string; arg: Expression | undefined }[]
      into: { variable: string; projection: Expression | undefined; keep: string[] | undefined } | undefined
      count: string | undefined
    }
  | { type: 'return'; value: Expression; distinct: boolean }
  | { type: 'with'; collections: CollectionRef[] }
  | {
      type: 'modify'
      kind: ModifyKind
      /** What names the document; for INSERT the document itself. */
      key: Expression
      with: Expression | undefined
      collection: CollectionRef
      options: Expression | undefined
    }
  | {
      type: 'upsert'
      search: Expression | undefined
      filter: Expression | undefined
      insert: Expression
      kind: 'UPDATE' | 'REPLACE'
      update: Expression
      collection: CollectionRef
      options: Expression | undefined
    }
