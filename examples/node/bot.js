// A bot of your own: it greets each visitor by name, and tells the team when the owner steps in.

/**
 * @param {import('secondme-avatar').AvatarClient} client
 * @param {(message: string) => void} tellTeam
 */
export function bot(client, tellTeam) {
  client.on('ownerReply', ({ text }) => tellTeam(`The owner answers in person: ${text}`))
  return {
    /**
     * @param {string} user
     * @param {string} text
     */
    async answer(user, text) {
      const chat = await client.open({ platform: 'web', userId: user, name: user })
      const reply = await chat.ask(text)
      return `${user}, ${reply.text}`
    },
  }
}
