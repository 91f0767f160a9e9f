// A process that leaves its helping threads asleep, and must end all the same.
import { ScanHelpers } from '../../src/kernel/helpers.js'
import { createKernel } from '../../src/kernel/kernel.js'
import { counterAt, heapAt } from '../../src/kernel/layout.js'
import { CodeMatrix } from '../../src/kernel/matrix.js'

const helpers = new ScanHelpers(2, heapAt, counterAt)
const matrix = new CodeMatrix(1024, 'dot', 2 ** 30, createKernel(helpers))
const vector = new Float32Array(1024).fill(1)
for (let slot = 0; slot < 6000; slot++) matrix.set(slot, vector)
await new Promise((resolve) => setTimeout(resolve, 200))
console.log(matrix.candidates(vector, 3)?.slots.length)
