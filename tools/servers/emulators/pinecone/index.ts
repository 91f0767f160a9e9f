export {
  type PineconeEmulator,
  type PineconeEmulatorConfig,
  type PineconeEmulatorOptions,
  startPineconeEmulator,
} from './emulator.ts'
