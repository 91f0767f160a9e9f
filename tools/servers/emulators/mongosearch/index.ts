export { type MongoSearchEmulator, type MongoSearchOptions, startMongoSearchEmulator } from './emulator.ts'
