import { join } from 'node:path'
import { bundle, ROOT } from './bundle.mjs'

await bundle(join(ROOT, 'dist'))
