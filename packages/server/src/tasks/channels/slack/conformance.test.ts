// Slack against a stand-in on this machine that holds every call to the published shape (T106).
import { conformance } from '../testing/conformance.ts'
import { conformingRig } from './testing/rig.ts'

conformance('slack', { text: true, rewrites: true, tells: true }, conformingRig)
