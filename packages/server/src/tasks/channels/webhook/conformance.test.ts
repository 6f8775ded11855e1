// A program at an endpoint, over real HTTP on this machine (T106, T120).
import { conformance } from '../testing/conformance.ts'
import { conformingRig } from './testing/rig.ts'

conformance('webhook', { text: true, rewrites: true, tells: true }, conformingRig)
