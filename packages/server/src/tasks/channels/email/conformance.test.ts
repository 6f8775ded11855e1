// Mail against a real SMTP server on this machine (T106).
import { conformance } from '../testing/conformance.ts'
import { conformingRig } from './testing/rig.ts'

conformance('email', { text: true, rewrites: false, tells: true }, conformingRig)
