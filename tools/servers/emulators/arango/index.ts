export {
  type ArangoEmulator,
  type ArangoEmulatorConfig,
  type ArangoEmulatorOptions,
  startArangoEmulator,
} from './emulator.ts'
