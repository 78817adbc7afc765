/** DingTalk's calls. */

/** The AI card that is there for every app. */
const PUBLIC_CARD = '382e4302-551d-4880-bf29-a30acfab2e71.schema'
/** The variable of a template in which the text stands: the public one's, and that of the app's own. */
const PUBLIC_KEY = 'msgContent'
const OWN_KEY = 'content'
const FINISHED = '3'
const FAILED = '5'
const LONGEST_MESSAGE = 20_000
const NOT_DELIVERED = { success: false, errorMsg: 'the card is not shown' }

export class Refusal extends Error {
  constructor(code, message, status = 400) {
    super(message)
    this.code = code
    this.status = status
  }
}

/** Name, method and path of each. */
export const routes = [
  ['connection.open', 'POST', '/v1.0/gateway/connections/open'],
  ['token', 'POST', '/v1.0/oauth2/accessToken'],
  ['token', 'GET', '/gettoken'],
  ['webhook', 'POST', '/robot/sendBySession'],
  ['card.create', 'POST', '/v1.0/card/instances'],
  ['card.update', 'PUT', '/v1.0/card/instances'],
  ['card.deliver', 'POST', '/v1.0/card/instances/deliver'],
  ['card.createAndDeliver', 'POST', '/v1.0/card/instances/createAndDeliver'],
  ['card.streaming', 'PUT', '/v1.0/card/streaming'],
  ['robot.send', 'POST', '/v1.0/robot/oToMessages/batchSend'],
  ['robot.group.send', 'POST', '/v1.0/robot/groupMessages/send'],
]

export const methods = {
  'connection.open': (dingtalk, { clientId, clientSecret }) => {
    if (dingtalk.refusedSockets > 0) {
      dingtalk.refusedSockets -= 1
      throw new Refusal('ServiceUnavailable', 'no connection now', 503)
    }
    const { bot, url } = dingtalk
    if (clientId !== bot.clientId || clientSecret !== bot.clientSecret)
      throw new Refusal('authFailed', 'the secret', 401)
    return { endpoint: `${url.replace('http', 'ws')}/connect`, ticket: 'ticket' }
  },
  token: ({ bot }, { appKey, appSecret, appkey, appsecret }) => {
    if ((appKey ?? appkey) !== bot.clientId || (appSecret ?? appsecret) !== bot.clientSecret) {
      throw new Refusal('invalidClientIdOrSecret', 'the client id or the secret')
    }
    return { accessToken: bot.token, expireIn: 7200, errcode: 0, access_token: bot.token, expires_in: 7200 }
  },
  webhook: (dingtalk, { session, msgtype, ...args }) => {
    const known = dingtalk.sessions.get(session)
    if (!known || known.until <= dingtalk.clock.now()) return { errcode: 300001, errmsg: 'the session has expired' }
    const text = msgtype === 'markdown' ? args.markdown?.text : args.text?.content
    if (!text) return { errcode: 40035, errmsg: 'the message is empty' }
    if (Buffer.byteLength(text) > LONGEST_MESSAGE) return { errcode: 40035, errmsg: 'the message is too long' }
    post(dingtalk, known.chat, text)
    return { errcode: 0, errmsg: 'ok' }
  },
  'card.create': (dingtalk, args) => {
    create(dingtalk, args)
    return { success: true, result: args.outTrackId }
  },
  'card.deliver': (dingtalk, args) => {
    const card = cardOf(dingtalk, args)
    if (isRefused(dingtalk)) return { success: true, result: [{ spaceId: args.openSpaceId, ...NOT_DELIVERED }] }
    deliver(dingtalk, card, args)
    return { success: true, result: [{ spaceId: args.openSpaceId, success: true }] }
  },
  'card.createAndDeliver': (dingtalk, args) => {
    const card = create(dingtalk, args)
    if (isRefused(dingtalk))
      return { success: true, result: { outTrackId: args.outTrackId, deliverResults: [NOT_DELIVERED] } }
    deliver(dingtalk, card, args)
    return { success: true, result: { outTrackId: args.outTrackId, deliverResults: [{ success: true }] } }
  },
  'card.update': (dingtalk, args) => {
    const card = cardOf(dingtalk, args)
    Object.assign(card.values, args.cardData?.cardParamMap)
    show(dingtalk, card)
    return { success: true, result: true }
  },
  'card.streaming': (dingtalk, args) => {
    const card = cardOf(dingtalk, args)
    if (!args.guid) throw new Refusal('param.error', 'guid is missing')
    if (!card.message) throw new Refusal('param.error', 'the card was not delivered')
    if (card.isFinal || isFinished(card)) throw new Refusal('param.error', 'the card is finished')
    if (card.guids.has(args.guid)) return { success: true, result: true }
    card.guids.add(args.guid)
    if (args.key !== card.key) throw new Refusal('param.error', `the template has no key ${args.key}`)
    card.values[args.key] = (args.isFull ? '' : (card.values[args.key] ?? '')) + args.content
    card.isFinal = Boolean(args.isFinalize || args.isError)
    show(dingtalk, card)
    return { success: true, result: true }
  },
  'robot.send': (dingtalk, { robotCode, userIds, msgKey, msgParam }) => {
    checkRobot(dingtalk, robotCode)
    const known = (userIds ?? []).map((id) => [id, single(dingtalk, id)])
    for (const [, chat] of known) if (chat) post(dingtalk, chat, textOf(msgKey, msgParam))
    const invalid = known.filter(([, chat]) => !chat).map(([id]) => id)
    if (invalid.length === known.length) throw new Refusal('staffId.notExisted', 'no such person')
    return { processQueryKey: dingtalk.id('q'), invalidStaffIdList: invalid, flowControlledStaffIdList: [] }
  },
  'robot.group.send': (dingtalk, { robotCode, openConversationId, msgKey, msgParam }) => {
    checkRobot(dingtalk, robotCode)
    const chat = dingtalk.chats.find(openConversationId)
    if (!chat?.group) throw new Refusal('chatbot.notInGroup', 'the robot is not in this group')
    post(dingtalk, chat, textOf(msgKey, msgParam))
    return { processQueryKey: dingtalk.id('q') }
  },
}

/** Whether the card is not shown now, which an answer of status 200 says. */
function isRefused(dingtalk) {
  if (!dingtalk.refusedDeliveries) return false
  dingtalk.refusedDeliveries -= 1
  return true
}

function create(dingtalk, { outTrackId, cardTemplateId, cardData }) {
  if (!outTrackId) throw new Refusal('param.error', 'outTrackId is missing')
  if (![PUBLIC_CARD, dingtalk.bot.cardTemplateId].includes(cardTemplateId)) {
    throw new Refusal('param.templateNotExist', 'the card template does not exist')
  }
  if (dingtalk.cards.has(outTrackId)) throw new Refusal('param.outTrackIdExist', 'the outTrackId exists')
  const key = cardTemplateId === PUBLIC_CARD ? PUBLIC_KEY : OWN_KEY
  const card = { id: outTrackId, key, values: { ...cardData?.cardParamMap }, guids: new Set(), isFinal: false }
  dingtalk.cards.set(outTrackId, card)
  return card
}

/** `dtv1.card//IM_GROUP.{conversation}` or `dtv1.card//IM_ROBOT.{person}`. */
function deliver(dingtalk, card, { openSpaceId = '', imGroupOpenDeliverModel }) {
  const [, kind, place] = openSpaceId.match(/^dtv1\.card\/\/(IM_GROUP|IM_ROBOT)\.(.+)$/) ?? []
  if (kind === 'IM_GROUP') checkRobot(dingtalk, imGroupOpenDeliverModel?.robotCode)
  const chat = kind === 'IM_GROUP' ? dingtalk.chats.find(place) : single(dingtalk, place)
  if (!chat) throw new Refusal('param.error', `openSpaceId ${openSpaceId}`)
  if (card.message) throw new Refusal('param.error', 'the card was delivered before')
  const values = { text: textIn(card), state: state(card), key: card.id, author: card.values.msgTitle || undefined }
  card.message = dingtalk.chats.add(chat, { ...author(dingtalk), ...values })
}

function cardOf(dingtalk, { outTrackId }) {
  const card = dingtalk.cards.get(outTrackId)
  if (!card) throw new Refusal('param.cardNotExist', `no card ${outTrackId}`)
  return card
}

function show(dingtalk, card) {
  if (!card.message) return
  if (card.values.msgTitle) card.message.author = card.values.msgTitle
  dingtalk.chats.change(card.message, textIn(card))
  if (state(card) === 'done') dingtalk.chats.finish(card.message)
}

/** A value of a key that the template has not is taken, and shows nothing. */
function textIn({ key, values }) {
  return values[key] ?? ''
}

function isFinished({ values }) {
  return [FINISHED, FAILED].includes(String(values.flowStatus))
}

function state(card) {
  const grows = card.values.flowStatus !== undefined || card.guids.size > 0
  return card.isFinal || isFinished(card) || !grows ? 'done' : 'growing'
}

function single(dingtalk, staff) {
  const found = dingtalk.chats.read().find((chat) => chat.staff === staff)
  return found && dingtalk.chats.find(found.id)
}

function checkRobot({ bot }, robotCode) {
  if (robotCode !== bot.robotCode) throw new Refusal('invalidParameter.robotCode', 'no such robot')
}

function textOf(key, param) {
  const { content, text } = JSON.parse(param)
  if (key === 'sampleMarkdown') return text
  if (key === 'sampleText') return content
  throw new Refusal('invalidParameter.msgKey', `msgKey ${key}`)
}

function author(dingtalk) {
  return { id: dingtalk.id('msg'), user: dingtalk.bot.userId, name: dingtalk.bot.name, bot: true }
}

function post(dingtalk, chat, text) {
  dingtalk.chats.add(chat, { ...author(dingtalk), text })
}
