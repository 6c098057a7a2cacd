"""aiogram 3 storing one row per tap: ``aiogram_bot.py API FILE [batched]``; needs aiogram, sqlalchemy[asyncio] and aiosqlite."""

import asyncio
import sys

import sqlalchemy as sa
from aiogram import Bot, Dispatcher, types
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Tap(Base):
    __tablename__ = "taps"
    id: Mapped[int] = mapped_column(primary_key=True)
    person: Mapped[int]
    data: Mapped[str]


class Batch:
    """Rows that wait together are committed together."""

    def __init__(self, sessions) -> None:
        self.sessions, self.waiting, self.task = sessions, [], None

    async def put(self, person: int, data: str) -> None:
        heard = asyncio.get_running_loop().create_future()
        self.waiting.append(({"person": person, "data": data}, heard))
        if self.task is None or self.task.done():
            self.task = asyncio.create_task(self.write())
        await heard

    async def write(self) -> None:
        while self.waiting:
            group, self.waiting = self.waiting, []
            async with self.sessions() as session, session.begin():
                await session.execute(sa.insert(Tap), [row for row, _ in group])
            for _, heard in group:
                heard.set_result(None)


async def main(api: str, file: str, batched: bool) -> None:
    engine = create_async_engine(f"sqlite+aiosqlite:///{file}")
    sa.event.listen(engine.sync_engine, "connect", lambda connection, _: connection.execute("PRAGMA journal_mode=WAL"))
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    sessions = async_sessionmaker(engine)
    batch = Batch(sessions)
    bot = Bot("123456:abcdefghijklmnopqrstuvwxyz012345678", session=AiohttpSession(api=TelegramAPIServer.from_base(api), limit=256))
    dispatcher = Dispatcher()

    @dispatcher.callback_query()
    async def tapped(query: types.CallbackQuery) -> None:
        if batched:
            await batch.put(query.from_user.id, query.data)
        else:
            async with sessions() as session, session.begin():
                session.add(Tap(person=query.from_user.id, data=query.data))
        changed = query.message.edit_text("Thank you. Your answer is stored.")
        await asyncio.gather(bot(query.answer()), bot(changed))

    print("survey:pick:1:1", flush=True)
    await dispatcher.start_polling(bot, handle_signals=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3:] == ["batched"]))
