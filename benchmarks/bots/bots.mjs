// telegraf and grammY's runner storing one row per tap: node bots.mjs telegraf|grammy API FILE
import { createRequire } from "node:module";
const require = createRequire(process.cwd() + "/");
const [, , which, api, file] = process.argv;
const token = "123456:abcdefghijklmnopqrstuvwxyz012345678";
const database = require("better-sqlite3")(file);
database.pragma("journal_mode = WAL");
database.pragma("synchronous = FULL");
database.exec("CREATE TABLE taps (id INTEGER PRIMARY KEY, person INTEGER, data TEXT)");
const insert = database.prepare("INSERT INTO taps (person, data) VALUES (?, ?)");
const tapped = async (context) => {
  insert.run(context.callbackQuery.from.id, context.callbackQuery.data);
  const answer = which === "telegraf" ? context.answerCbQuery() : context.answerCallbackQuery();
  await Promise.all([answer, context.editMessageText("Thank you. Your answer is stored.")]);
};
if (which === "telegraf") {
  const { Telegraf } = require("telegraf");
  const bot = new Telegraf(token, { telegram: { apiRoot: api, agent: new (require("node:http").Agent)({ keepAlive: true, maxSockets: 256 }) } });
  bot.on("callback_query", tapped);
  bot.launch();
} else {
  const { Bot } = require("grammy");
  const { run } = require("@grammyjs/runner");
  const bot = new Bot(token, { client: { apiRoot: api, baseFetchConfig: { agent: new (require("node:http").Agent)({ keepAlive: true, maxSockets: 256 }), compress: false } } });
  bot.on("callback_query", tapped);
  run(bot, { runner: { fetch: { limit: 100 } }, sink: { concurrency: 256 } });
}
console.log("survey:pick:1:1");
