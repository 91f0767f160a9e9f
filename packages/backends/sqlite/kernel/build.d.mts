/** Compiles the kernel; returns the module's bytes. */
export declare const compile: () => Promise<Uint8Array>
/** The text of src/kernel/wasm.ts. */
export declare const render: () => Promise<string>
