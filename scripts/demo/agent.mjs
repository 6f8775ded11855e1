// The agent of the demo: a program that knows an address and a placeholder, and no secret. It asks the shop's payment service for a refund, as any program would.
const amount = Number(process.argv[2])
const answer = await fetch(`${process.env.SHOP}/v1/refunds`, {
  method: 'POST',
  headers: { authorization: `Bearer ${process.env.SHOP_API_KEY}`, 'content-type': 'application/json', 'countersign-wait': '300' },
  body: JSON.stringify({ order: 1042, amount }),
})
console.log(JSON.stringify({ status: answer.status, body: await answer.text(), env: process.env }))
