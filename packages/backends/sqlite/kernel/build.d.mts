/** Compiles the kernel, with relaxed SIMD or without; returns the module's bytes. */
export declare const compile: (options: { readonly relaxed: boolean }) => Promise<Uint8Array>
/** The text of src/kernel/wasm.ts. */
export declare const render: () => Promise<string>
