"""Messages in the simulated Telegram: what the bot may send and change, and what is refused in Telegram's words."""

import io

import pytest
import telegram as ptb
from PIL import Image
from telegram.error import BadRequest, Forbidden

from intouch.demo.telegram import SimulatedTelegram
from intouch.demo.telegram.person import Person


def picture(kind: str = "JPEG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (40, 30), "teal").save(out, kind)
    return out.getvalue()


def keyboard(*buttons: tuple[str, str]) -> ptb.InlineKeyboardMarkup:
    return ptb.InlineKeyboardMarkup([[ptb.InlineKeyboardButton(label, callback_data=data)] for label, data in buttons])


async def test_a_message_arrives_as_the_person_reads_it(bot: ptb.Bot, alice: Person) -> None:
    sent = await bot.send_message(
        alice.id, "<b>Hello</b> &amp; welcome 👋 <a href='https://example.org/a?b=1&amp;c=2'>there</a>", parse_mode="HTML"
    )
    assert alice.last.text == sent.text == "Hello & welcome 👋 there"
    assert [(entity.type, entity.offset, entity.length, entity.url) for entity in sent.entities] == [
        ("bold", 0, 5, None),
        ("text_link", 19, 5, "https://example.org/a?b=1&c=2"),
    ]


async def test_commands_and_web_addresses_are_found_in_plain_text(bot: ptb.Bot, alice: Person) -> None:
    sent = await bot.send_message(alice.id, "Send /help or see https://example.org/x. Not a/path")
    assert [sent.parse_entity(entity) for entity in sent.entities] == ["/help", "https://example.org/x"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "Message text is empty"),
        ("   ", "Message text is empty"),
        ("<b></b>", "Message text is empty"),
        ("x" * 4097, "Message is too long"),
        ("😀" * 2049, "Message is too long"),
        ("<b>open", "Can't parse entities: can't find end tag corresponding to start tag \"b\""),
        ("<div>x</div>", 'Can\'t parse entities: unsupported start tag "div" at byte offset 0'),
        ("é<br>", 'Can\'t parse entities: unsupported start tag "br" at byte offset 2'),
        ("x</b>", "Can't parse entities: unexpected end tag at byte offset 1"),
        ("<b><i>x</b></i>", 'Can\'t parse entities: unmatched end tag at byte offset 7, expected "</i>", found "</b>"'),
        ("1 < 2", "Can't parse entities: unclosed start tag at byte offset 2"),
    ],
)
async def test_text_that_telegram_refuses_is_refused(bot: ptb.Bot, alice: Person, text: str, reason: str) -> None:
    with pytest.raises(BadRequest) as refused:
        await bot.send_message(alice.id, text, parse_mode="HTML")
    assert str(refused.value).lower() == reason.lower()
    assert alice.messages == []


async def test_html_counts_as_it_is_read_not_as_it_is_written(bot: ptb.Bot, alice: Person) -> None:
    await bot.send_message(alice.id, "<b>" + "&amp;" * 4096 + "</b>", parse_mode="HTML")
    assert len(alice.last.text) == 4096


async def test_a_made_up_reference_stays_as_it_was_written(bot: ptb.Bot, alice: Person) -> None:
    await bot.send_message(alice.id, "&nbsp;&#39;&lt;b&gt; & more", parse_mode="HTML")
    assert alice.last.text == "&nbsp;'<b> & more"


async def test_button_data_over_64_bytes_is_refused(bot: ptb.Bot, alice: Person) -> None:
    await bot.send_message(alice.id, "fits", reply_markup=keyboard(("Go", "x" * 64)))
    with pytest.raises(BadRequest, match=r"(?i)button_data_invalid"):
        await bot.send_message(alice.id, "too long", reply_markup=keyboard(("Go", "é" * 33)))


async def test_somebody_unknown_unstarted_or_gone_cannot_be_written_to(bot: ptb.Bot, telegram: SimulatedTelegram, alice: Person) -> None:
    with pytest.raises(BadRequest, match=r"(?i)chat not found"):
        await bot.send_message(424242, "hello")
    with pytest.raises(Forbidden, match="initiate conversation"):
        await bot.send_message(telegram.person(7, "Nadia").id, "hello")
    alice.blocks_bot()
    with pytest.raises(Forbidden, match="bot was blocked by the user"):
        await bot.send_message(alice.id, "hello")
    alice.unblocks_bot()
    await bot.send_message(alice.id, "hello again")
    alice.deletes_account()
    with pytest.raises(Forbidden, match="user is deactivated"):
        await bot.send_message(alice.id, "hello?")


async def test_an_edited_message_changes_in_place(bot: ptb.Bot, alice: Person) -> None:
    sent = await bot.send_message(alice.id, "one", reply_markup=keyboard(("Go", "go")))
    edited = await bot.edit_message_text("two", alice.id, sent.message_id)
    assert (alice.last.text, alice.last.buttons, len(alice.messages)) == ("two", [], 1)
    assert isinstance(edited, ptb.Message) and edited.edit_date is not None


async def test_an_edit_that_changes_nothing_or_finds_nothing_is_refused(bot: ptb.Bot, alice: Person) -> None:
    sent = await bot.send_message(alice.id, "one", reply_markup=keyboard(("Go", "go")))
    with pytest.raises(
        BadRequest, match=r"(?i)message is not modified: specified new message content and reply markup are exactly the same"
    ):
        await bot.edit_message_text("one", alice.id, sent.message_id, reply_markup=keyboard(("Go", "go")))
    with pytest.raises(BadRequest, match=r"(?i)message to edit not found"):
        await bot.edit_message_text("two", alice.id, 999_999)
    mine = await alice.sends("mine")
    with pytest.raises(BadRequest, match=r"(?i)message can't be edited"):
        await bot.edit_message_text("two", alice.id, mine.message_id)


async def test_buttons_can_be_taken_away_and_a_message_deleted(bot: ptb.Bot, alice: Person) -> None:
    sent = await bot.send_message(alice.id, "one", reply_markup=keyboard(("Go", "go")))
    await bot.edit_message_reply_markup(alice.id, sent.message_id)
    assert alice.last.buttons == []
    await bot.delete_message(alice.id, sent.message_id)
    assert alice.messages == []
    with pytest.raises(BadRequest, match=r"(?i)message to delete not found"):
        await bot.delete_message(alice.id, sent.message_id)


async def test_a_tap_reaches_the_bot_and_its_answer_is_shown_once(bot: ptb.Bot, alice: Person) -> None:
    sent = await bot.send_message(alice.id, "one", reply_markup=keyboard(("Go", "go")))
    tap = alice.starts_tap(sent.reply_markup.inline_keyboard[0][0].callback_data)  # type: ignore[union-attr,arg-type]
    (update,) = await bot.get_updates()
    assert update.callback_query is not None and update.callback_query.data == "go"
    assert update.callback_query.from_user.id == alice.id and update.callback_query.message is not None
    await bot.answer_callback_query(update.callback_query.id, "Done")
    assert tap.answer == {"text": "Done", "is_alert": False}
    assert alice.toasts == ["Done"]


async def test_a_tap_that_is_too_old_or_made_up_cannot_be_answered(bot: ptb.Bot, telegram: SimulatedTelegram, alice: Person) -> None:
    await bot.send_message(alice.id, "one")
    tap = alice.starts_tap("x")
    with pytest.raises(BadRequest, match=r"(?i)message_too_long"):
        await bot.answer_callback_query(tap.id, "x" * 201)
    telegram.expire_taps()
    for tap_id in (tap.id, "12"):
        with pytest.raises(BadRequest, match=r"(?i)query is too old and response timeout expired or query id is invalid"):
            await bot.answer_callback_query(tap_id)


async def test_the_big_location_button_stays_until_it_is_taken_away(bot: ptb.Bot, alice: Person) -> None:
    markup = ptb.ReplyKeyboardMarkup([[ptb.KeyboardButton("Send where I am", request_location=True)]], resize_keyboard=True)
    await bot.send_message(alice.id, "Where?", reply_markup=markup)
    assert alice.keyboard == ["Send where I am"]
    await alice.shares_location(-1.38, 54.9)
    (update,) = await bot.get_updates()
    assert update.message is not None and update.message.location is not None
    assert (update.message.location.longitude, update.message.location.latitude) == (-1.38, 54.9)
    await bot.send_message(alice.id, "Thanks", reply_markup=ptb.ReplyKeyboardRemove())
    assert alice.keyboard == []


async def test_a_photo_that_a_person_sends_can_be_downloaded(bot: ptb.Bot, alice: Person) -> None:
    contents = picture()
    await alice.sends_photo(contents, caption="Look")
    (update,) = await bot.get_updates()
    assert update.message is not None and update.message.caption == "Look"
    file = await bot.get_file(update.message.photo[-1].file_id)
    assert bytes(await file.download_as_bytearray()) == contents


async def test_a_file_over_20_megabytes_cannot_be_downloaded(bot: ptb.Bot, alice: Person) -> None:
    await alice.sends_photo(b"x" * (20 * 1024 * 1024 + 1))
    (update,) = await bot.get_updates()
    with pytest.raises(BadRequest, match=r"(?i)file is too big"):
        await bot.get_file(update.message.photo[-1].file_id)  # type: ignore[union-attr]
    with pytest.raises(BadRequest, match=r"(?i)invalid file_id"):
        await bot.get_file("made-up")


async def test_the_bot_sends_files_and_pictures(bot: ptb.Bot, alice: Person) -> None:
    await bot.send_document(alice.id, io.BytesIO(b'{"a": 1}'), caption="All we hold", filename="export.json")
    assert alice.last.text == "All we hold"
    assert await alice.expects_file() == b'{"a": 1}'
    sent = await bot.send_photo(alice.id, picture("PNG"))
    assert (sent.photo[-1].width, sent.photo[-1].height) == (40, 30)
    await bot.send_photo(alice.id, sent.photo[-1].file_id)
    with pytest.raises(BadRequest, match=r"(?i)image_process_failed"):
        await bot.send_photo(alice.id, b"no picture")


async def test_everything_else_a_person_can_send_is_read_by_the_library(bot: ptb.Bot, alice: Person) -> None:
    for kind in ("sticker", "voice", "contact", "poll", "dice"):
        await alice.sends_something(kind)
    await alice.sends_document(b"%PDF", filename="plan.pdf")
    await bot.send_location(alice.id, 54.9, -1.38)
    await bot.send_chat_action(alice.id, "typing")
    updates = await bot.get_updates()
    assert [
        bool(getattr(update.message, kind))
        for update, kind in zip(updates, ("sticker", "voice", "contact", "poll", "dice", "document"), strict=True)
    ] == [True] * 6
    chat = await bot.get_chat(alice.id)
    assert chat.first_name == "Alice"


async def test_a_test_that_waits_in_vain_is_told_what_the_bot_said(bot: ptb.Bot, alice: Person) -> None:
    await bot.send_message(alice.id, "Something else")
    with pytest.raises(AssertionError, match="Something else"):
        await alice.expects("a ward", timeout=0.05)
