// The statements around a copy: its transaction, and the savepoints by which `skip` undoes one array call and nothing else.
export const beginCopy = 'begin isolation level read committed'
export const commitCopy = 'commit'
export const rollbackCopy = 'rollback'
export const savepoint = 'savepoint countersign_copy'
export const undo = 'rollback to savepoint countersign_copy'
export const release = 'release savepoint countersign_copy'
