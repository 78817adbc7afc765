export default {
  test: {
    root: import.meta.dirname,
    include: ['vitest.spec.ts'],
    // As it is with what is installed: here the package is not in `node_modules`, by which vitest tells.
    server: { deps: { external: [/\/node\/lib\//] } },
  },
}
