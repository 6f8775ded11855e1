// Enrolled proxies, for the command line, which knows main and no proxy.
export { type EnrolHouse, enrolNode, expelNode, listNodesOf, type Node } from '../../proxy/enrol/node.ts'
