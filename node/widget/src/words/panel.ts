/** What the panel says. `{name}` and `{seconds}` are filled in. */
export interface PanelWords {
  chat: string
  log: string
  intro: string
  theOwner: string
  message: string
  placeholder: string
  send: string
  close: string
  you: string
  avatar: string
  owner: string
  aiBadge: string
  personBadge: string
  isAi: string
  isPerson: string
  isTyping: string
  isAnswering: string
  joined: string
  left: string
  waiting: string
  sending: string
  notSent: string
  tryAgain: string
  edit: string
  older: string
  toNewest: string
  sources: string
  today: string
  yesterday: string
  yes: string
  no: string
  connecting: string
  offline: string
  unavailable: string
  rate_limited: string
  no_visitor: string
  signed_out: string
  origin_not_allowed: string
  too_large: string
  refused: string
  full: string
  busy: string
  payment: string
  broken: string
  cut: string
  takenOver: string
  unanswered: string
}

export const PANEL_WORDS: Record<'en' | 'zh', PanelWords> = {
  en: {
    chat: 'Chat',
    log: 'Conversation',
    intro: 'You are talking with an AI avatar. {owner} can join in person.',
    theOwner: 'Its owner',
    message: 'Message',
    placeholder: 'Write a message…',
    send: 'Send',
    close: 'Close chat',
    you: 'You',
    avatar: 'Avatar',
    owner: 'Owner',
    aiBadge: 'AI',
    personBadge: 'person',
    isAi: 'AI avatar',
    isPerson: 'In person',
    isTyping: '{name} is typing…',
    isAnswering: '{name} is answering',
    joined: '{name} has joined',
    left: '{name} has left',
    waiting: 'Waiting to be sent',
    sending: 'Sending…',
    notSent: 'Not sent.',
    tryAgain: 'Try again',
    edit: 'Edit',
    older: 'Loading earlier messages…',
    toNewest: 'To the newest message',
    sources: 'Sources',
    today: 'Today',
    yesterday: 'Yesterday',
    yes: 'yes',
    no: 'no',
    connecting: 'Connecting…',
    offline: 'There is no connection. What you write is kept here, and sent when the connection is back.',
    unavailable: 'The chat cannot be reached right now. What you write is kept here, and sent as soon as it can be.',
    rate_limited: 'That was a lot at once. Your messages are sent in a moment.',
    no_visitor:
      'Your browser keeps no cookie of this chat, so it cannot tell who you are. Allow cookies, then try again.',
    signed_out: 'Please sign in to chat, then try again.',
    origin_not_allowed: 'The chat may not be used from this page.',
    too_large: 'This message is too long. Please send it in parts.',
    refused: 'The chat does not work on this page right now. Please try again later.',
    full: 'Too many messages wait to be sent. Please wait until some of them have been.',
    busy: 'Too many people are writing right now. Please try again in a little while.',
    payment: 'There can be no more answers right now.',
    broken: 'There can be no answer until the owner has looked after this chat.',
    cut: 'The answer broke off here. What is still to come will follow.',
    takenOver: '{name} has your message and will answer here in person.',
    unanswered: 'There was no answer. Please try again in a few minutes.',
  },
  zh: {
    chat: '聊天',
    log: '对话',
    intro: '你正在与 AI 分身对话，{owner}可能会亲自加入。',
    theOwner: '主人',
    message: '消息',
    placeholder: '输入消息…',
    send: '发送',
    close: '关闭聊天',
    you: '你',
    avatar: 'AI 分身',
    owner: '本人',
    aiBadge: 'AI',
    personBadge: '本人',
    isAi: 'AI 分身',
    isPerson: '本人在线',
    isTyping: '{name}正在输入…',
    isAnswering: '{name}正在回复',
    joined: '{name}已加入对话',
    left: '{name}已离开对话',
    waiting: '等待发送',
    sending: '发送中…',
    notSent: '未发送。',
    tryAgain: '重试',
    edit: '编辑',
    older: '正在加载更早的消息…',
    toNewest: '回到最新消息',
    sources: '来源',
    today: '今天',
    yesterday: '昨天',
    yes: '是',
    no: '否',
    connecting: '正在连接…',
    offline: '网络已断开。你写的内容会保留在这里，恢复连接后自动发送。',
    unavailable: '暂时无法连接聊天服务。你写的内容会保留在这里，恢复后自动发送。',
    rate_limited: '消息发得有点快，请稍候，马上为你发送。',
    no_visitor: '浏览器没有保存本聊天的 Cookie，无法识别你的身份。请允许 Cookie 后重试。',
    signed_out: '请先登录再聊天，然后重试。',
    origin_not_allowed: '此页面不能使用该聊天。',
    too_large: '这条消息太长了，请分几次发送。',
    refused: '聊天功能在此页面暂不可用，请稍后再试。',
    full: '等待发送的消息太多，请等一部分发出后再写。',
    busy: '现在咨询的人太多，请稍后再试。',
    payment: '目前无法继续回答。',
    broken: '暂时无法回答，需要主人先来处理。',
    cut: '回答在这里中断了，后面的内容到了会再发给你。',
    takenOver: '{name}已经看到你的消息，会亲自在这里回复你。',
    unanswered: '没有得到回答，请过几分钟再试。',
  },
}
