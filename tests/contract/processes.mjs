// Starts programs, and ends those that it started.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { open } from 'node:fs/promises'
import { createServer } from 'node:net'
import { setTimeout } from 'node:timers/promises'

/** A port that is free. */
export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}

/** Runs a program to its end; what it printed. An exit code that is not among those expected is an error. */
export async function finished(program, args, { cwd, env, signal, timeoutMs, codes = [0], quiet = false }) {
  const child = spawn(program, args, { cwd, env, signal, timeout: timeoutMs, stdio: ['ignore', 'pipe', 'inherit'] })
  let printed = ''
  child.stdout.setEncoding('utf8')
  child.stdout.on('data', (text) => {
    printed += text
    if (!quiet) process.stdout.write(text)
  })
  const [code, ended] = await once(child, 'close')
  if (!codes.includes(code)) throw new Error(`${program} ${args.join(' ')}: ${ended ?? `exit code ${code}`}`)
  return printed
}

/** Starts a program that serves, waits until an address of it answers, and returns how to end it. */
export async function serving(program, args, { cwd, env, signal, timeoutMs, log }, url) {
  const output = await open(log, 'a')
  const child = spawn(program, args, { cwd, env, stdio: ['ignore', output.fd, output.fd] })
  const ended = once(child, 'close')
  const end = async () => {
    child.kill('SIGTERM')
    await ended
    await output.close()
  }
  const deadline = Date.now() + timeoutMs
  while (child.exitCode === null && Date.now() < deadline) {
    signal.throwIfAborted()
    const answered = await fetch(url).then((response) => response.ok, () => false)
    if (answered) return end
    await setTimeout(50)
  }
  await end()
  throw new Error(`${program} ${args.join(' ')} does not serve ${url}, see ${log}`)
}
