/** The bundle is an ES module, which has no `__dirname`; ssh2 asks for it as it is loaded. Must be imported first. */
Object.assign(globalThis, { __dirname: import.meta.dirname });
