// What checks the record and its receipts: files alone, no database and no network.
export { EXIT, verifierOptions } from '../../events/audit/verify.ts'
export { verifyFile } from '../../events/audit/verify-file.ts'
export { verifyReceipt } from '../../events/audit/verify-receipt.ts'
