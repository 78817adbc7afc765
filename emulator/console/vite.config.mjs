import { readFileSync } from 'node:fs'
import { defineConfig } from 'vite'

/** The notices of what is bundled, at the head of the program. */
const notices = {
  name: 'notices',
  generateBundle(_, bundle) {
    const text = readFileSync(new URL('../../packaging/console.txt', import.meta.url), 'utf8')
    bundle['console.js'].code = `/*!\n${text}*/\n${bundle['console.js'].code}`
  },
}

// The emulator holds these three files, under these names, in its binary.
export default defineConfig({
  base: '/_emulator/console/',
  publicDir: false,
  plugins: [notices],
  esbuild: { jsx: 'automatic', jsxImportSource: 'preact' },
  build: {
    target: 'es2022',
    modulePreload: false,
    cssCodeSplit: false,
    rollupOptions: {
      output: {
        entryFileNames: 'console.js',
        assetFileNames: 'console.[ext]',
        inlineDynamicImports: true,
      },
    },
  },
})
