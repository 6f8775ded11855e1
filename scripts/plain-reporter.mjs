// Prints the last line of a test run in a form that any tool can read, and before it every test that passed only when it was tried again: each is a
// fault of the code or of the test that is still to be found.
export default class PlainReporter {
  onTestRunEnd(modules, errors) {
    const count = { passed: 0, failed: errors.length, skipped: 0 }
    const again = []
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        count[test.result().state === 'pending' ? 'failed' : test.result().state]++
        const { flaky = false, retryCount = 0 } = test.diagnostic() ?? {}
        if (flaky) again.push({ module, test, retryCount })
      }
      count.failed += module.errors().length
    }
    process.on('exit', () => {
      for (const { module, test, retryCount } of again) {
        process.stdout.write(`passed at try ${retryCount + 1}: ${module.relativeModuleId} > ${test.fullName}\n`)
        for (const { message } of test.result().errors ?? []) process.stdout.write(`  ${message.slice(0, 2_000)}\n`)
      }
      process.stdout.write(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped\n`)
    })
  }
}
