// An embedded page hears by the rules of every channel (T106, T125).
import { conformance } from '../channels/testing/conformance.ts'
import { conformingRig } from './testing/rig.ts'

conformance('embed', { text: true, rewrites: false, tells: false }, conformingRig)
