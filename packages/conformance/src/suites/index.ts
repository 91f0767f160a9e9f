import type { RoleName } from '@veritas-db/core/contract'
import type { Suite } from '../suite.js'
import { abortSuite } from './abort.js'
import { batchesSuite } from './batches.js'
import { checkSuite } from './check.js'
import { consistencySuite } from './consistency.js'
import { filterSuite } from './filter.js'
import { graphEdges } from './graph-edges.js'
import { graphNodes } from './graph-nodes.js'
import { graphNeighbors, graphPaths } from './graph-walks.js'
import { hostileSuite } from './hostile.js'
import { isolationSuite } from './isolation.js'
import { lifecycle } from './lifecycle.js'
import { plugin } from './plugin.js'
import { relationalExtras, relationalTransactions } from './relational-extras.js'
import { relationalFind } from './relational-find.js'
import { relationalTables } from './relational-tables.js'
import { scanSuite } from './scan.js'
import { textSuite } from './text.js'
import { unitOfWork } from './unit-of-work.js'
import { vectorCollections } from './vector-collections.js'
import { vectorPatch } from './vector-patch.js'
import { vectorQuery } from './vector-query.js'
import { vectorRecords } from './vector-records.js'
import { versionsSuite } from './versions.js'

/** Suites that hold for every role, each run once a role. */
const everyRole = (role: RoleName): Suite[] => [
  filterSuite(role),
  hostileSuite(role),
  checkSuite(role),
  batchesSuite(role),
  versionsSuite(role),
  scanSuite(role),
  textSuite(role),
  consistencySuite(role),
  isolationSuite(role),
  abortSuite(role),
]

/** All suites of the kit, in the order they run. */
export const SUITES: readonly Suite[] = [
  plugin,
  lifecycle,
  vectorCollections,
  vectorRecords,
  vectorQuery,
  vectorPatch,
  ...everyRole('vector'),
  graphNodes,
  graphEdges,
  graphNeighbors,
  graphPaths,
  ...everyRole('graph'),
  relationalTables,
  relationalFind,
  relationalTransactions,
  relationalExtras,
  ...everyRole('relational'),
  unitOfWork,
]
