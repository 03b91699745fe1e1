"""What people write in the sample sessions; {…} is filled in for each session."""

PLACES = {
    "ja": ["軽井沢", "河口湖", "箱根", "蓼科", "那須", "山中湖", "白馬", "熱海", "秩父", "房総"],
    "en": ["Karuizawa", "Lake Kawaguchi", "Hakone", "Tateshina", "Nasu", "Hakuba", "Chichibu"],
}
SUBJECTS = {
    "ja": ["Python", "統計", "線形代数", "英語論文", "データベース", "機械学習", "ネットワーク"],
    "en": ["Python", "statistics", "linear algebra", "databases", "machine learning", "Rust"],
}

# Title, then the messages; those of an assistant begin with "AI: ".
STORIES = {
    "ja": [
        (
            "{place}合宿の準備",
            "{place}の宿を{count}人分、仮予約しました。キャンセルは1週間前まで無料です。",
            "## 持ち物\n\n- 着替え2日分\n- 筆記用具とノートPC\n- 健康保険証\n- 雨具",
            "バスは新宿西口に8:30集合でどうでしょう。{name}に確認してもらいます。",
            "{name}から返事がありました。**8:30で大丈夫**とのことです。",
            "部屋割りは *合宿のしおり.md* に書いておきました。"
            "アレルギーのある人は早めに教えてください。",
        ),
        (
            "合宿の予算",
            "宿泊費と交通費で一人あたり {amount} 円になりそうです。",
            "| 項目 | 金額 |\n|---|---:|\n| 宿泊 | 8,400円 |\n| バス | 3,200円 |\n"
            "| 食費 | 2,800円 |\n| 予備費 | 1,000円 |",
            "{name}の提案で、予備費はお菓子代と兼ねることにします。",
            "集金は当日の朝、封筒に名前を書いて集めます。領収書はこのセッションに入れてください。",
        ),
        (
            "第{number}回 勉強会「{subject}」",
            "今回は教科書の第{number}章です。発表は{name}にお願いしました。",
            "予習でわからなかったところを書いておきます。\n\n"
            "1. 定理の証明の後半\n2. 練習問題 3\n3. 図の読み方",
            "AI: 定理の後半は、前の章の補題を使うと短く示せます。まず両辺を比べてみてください。",
            "なるほど、補題を見落としていました。練習問題 3 は次回までの宿題にします。",
            "次回の担当を決めます。希望があれば金曜日までに書いてください。",
        ),
        (
            "{subject}の質問メモ",
            "この書き方で合っていますか?\n\n```python\ntotals = {{}}\nfor name, amount in rows:\n"
            "    totals[name] = totals.get(name, 0) + amount\n```",
            "AI: 合っています。`collections.defaultdict(int)` を使うと `get` がいらなくなります。",
            "ありがとうございます。`defaultdict` に直したら読みやすくなりました。",
            "AI: 件数が多いときは、データベースに合計させるほうが速いこともあります。",
        ),
        (
            "週次ミーティング",
            "## 今日の議題\n\n1. 先週の振り返り\n2. 今週やること\n3. 合宿の準備状況",
            "- {name}: 資料の下書きが終わりました\n- 残り: 図を{number}枚、用語の統一",
            "**決まったこと**\n\n- 締め切りを水曜日に早める\n- 会場の鍵は{name}が借りる",
            "来週は祝日なので、ミーティングは火曜日の19時からにします。",
        ),
        (
            "食事当番とメニュー",
            "1日目の夕食はカレー、2日目の朝はおにぎりと味噌汁にします。",
            "買い出しリスト({count}人分)\n\n"
            "- じゃがいも 3kg\n- にんじん 2kg\n- 玉ねぎ 3kg\n- カレールー 4箱",
            "{name}は乳製品が苦手なので、ルーの成分表示を確認してください。",
            "当番表を入れました。片付けは班ごとに交代です。",
        ),
        (
            "新入生歓迎会",
            "会場は学生会館の{number}階を押さえました。定員は{count}人です。",
            "自己紹介のあと、{place}合宿の写真をスライドで流したいです。",
            "写真は{name}がまとめてくれています。顔が写っている人には許可をもらいました。",
            "AI: 当日の流れ: 受付 17:30、開会 18:00、自己紹介 18:15、歓談 19:00、閉会 20:30",
            "受付が一人足りません。手伝える人はいませんか?",
        ),
        (
            "{place}の下見",
            "駅から宿まで歩いて{count}分でした。坂があるので、荷物は先に送ったほうがよさそうです。",
            "会議室は40人入れます。プロジェクターは HDMI のみ、延長コードは持参です。",
            "近くのスーパーは20時まで。コンビニは車で10分です。",
            "地図と写真をファイルに入れました。",
        ),
        (
            "読書会 第{number}回",
            "今日の範囲は第{number}章から。心に残ったところを一人一つずつ話しました。",
            "> 「わからないことを、わからないまま持っておく」",
            "{name}が紹介してくれた本も面白そうです。次の候補に入れます。",
            "次回は来月の第2土曜日、14時からです。",
        ),
        (
            "発表練習",
            "持ち時間は15分、質疑5分です。通しで一度話したら{count}分かかりました。",
            "{name}から: スライド{number}枚目の図は、凡例を大きくしたほうがよい。",
            "直しました。結論を先に言う構成に変えています。",
            "明日の18時から、もう一度練習します。聞いてくれる人を募集中です。",
        ),
        (
            "合宿のふりかえり",
            "## よかったこと\n\n- 時間どおりに進んだ\n- 夜の座談会\n\n"
            "## 次に直すこと\n\n- 買い出しの量\n- Wi-Fi",
            "アンケートは{count}人中 {number} 人が「また参加したい」でした。",
            "会計は残り {amount} 円。次回に繰り越します。",
            "写真は今週中に全員分まとめます。ありがとうございました!",
        ),
        (
            "備品の貸し出し",
            "プロジェクターは{name}が金曜日まで使います。",
            "- [x] 延長コード 2本\n- [x] ホワイトボードマーカー\n- [ ] スピーカー",
            "スピーカーは音が割れるので、修理に出しました。",
        ),
    ],
    "en": [
        (
            "Planning the {place} camp",
            "I have put {count} beds on hold in {place}. We can cancel "
            "free of charge until a week before.",
            "## What to bring\n\n- clothes for two days\n- laptop and notebook\n"
            "- insurance card\n- rain jacket",
            "Bus at 8:30 from Shinjuku west exit? {name} is asking the company.",
            "{name} says **8:30 works**. Please be there ten minutes early.",
            "Rooms are in the *camp handbook*. Tell me about allergies by Friday, please.",
        ),
        (
            "Camp budget",
            "Room and travel come to about {amount} yen a person.",
            "| item | yen |\n|---|---:|\n| room | 8,400 |\n| bus | 3,200 |\n"
            "| food | 2,800 |\n| reserve | 1,000 |",
            "{name} suggests that snacks come out of the reserve. Fine with me.",
            "I collect on the morning we leave. Please put your receipts into this session.",
        ),
        (
            "Study group {number}: {subject}",
            "This time it is chapter {number}; {name} presents.",
            "Where I got stuck:\n\n1. the second half of the proof\n"
            "2. exercise 3\n3. how to read the figure",
            "AI: The second half gets short with the lemma of the "
            "chapter before. Compare both sides first.",
            "Right, I had missed the lemma. Exercise 3 is homework for next time.",
            "Who presents next? Write it here by Friday, or I draw lots.",
        ),
        (
            "Questions about {subject}",
            "Is this a sensible way to write it?\n\n```python\n"
            "totals = {{}}\nfor name, amount in rows:\n"
            "    totals[name] = totals.get(name, 0) + amount\n```",
            "AI: It is. With `collections.defaultdict(int)` you do not need `get`.",
            "Thanks! It reads better with `defaultdict`.",
            "AI: With many rows, let the database add them up: that is often faster.",
        ),
        (
            "Weekly meeting",
            "## Agenda\n\n1. last week\n2. this week\n3. camp preparations",
            "- {name}: first draft of the handout is done\n"
            "- still open: {number} figures, and consistent terms",
            "**Decided**\n\n- the deadline moves to Wednesday\n- {name} gets the key to the room",
            "Next Monday is a holiday: we meet on Tuesday at 19:00.",
        ),
        (
            "Kitchen rota",
            "Curry on the first evening, rice balls and miso soup for breakfast.",
            "Shopping for {count} people\n\n- potatoes, 3 kg\n- carrots, 2 kg\n"
            "- onions, 3 kg\n- curry roux, 4 packs",
            "{name} does not eat dairy, so please read the label of the roux.",
            "The rota is in the files. Groups take turns with washing up.",
        ),
        (
            "Welcome evening",
            "The hall is ours, floor {number}, for {count} people at most.",
            "After the introductions I would like to show pictures of {place}.",
            "{name} has collected them, and everybody who is on them has agreed.",
            "AI: Schedule: doors 17:30, welcome 18:00, introductions 18:15, food 19:00, end 20:30",
            "One more person for the door would help. Anybody?",
        ),
        (
            "Visit to {place}",
            "It is a {count}-minute walk from the station, uphill. "
            "Better to send the luggage ahead.",
            "The seminar room takes 40. The projector has HDMI only; bring extension leads.",
            "The supermarket closes at 20:00. The nearest convenience store is ten minutes by car.",
            "Map and pictures are in the files.",
        ),
        (
            "Book club {number}",
            "We talked about chapter {number}. Everybody brought one passage.",
            "> To keep what you do not understand, without hurrying to explain it away.",
            "{name}'s recommendation sounds good too. It goes on the list.",
            "Next time: the second Saturday of the month, 14:00.",
        ),
        (
            "Rehearsing the talk",
            "We have 15 minutes and 5 for questions. My first run took {count}.",
            "{name}: the legend on slide {number} is too small to read from the back.",
            "Mended. The conclusion now comes first.",
            "Once more tomorrow at 18:00. Listeners welcome!",
        ),
        (
            "After the camp",
            "## Went well\n\n- we kept to the schedule\n- the evening talks\n\n"
            "## Next time\n\n- less food\n- better Wi-Fi",
            "{number} of {count} people would come again.",
            "{amount} yen are left and go towards the next camp.",
            "I will have all the pictures sorted by the weekend. Thank you, everybody!",
        ),
        (
            "Equipment",
            "{name} has the projector until Friday.",
            "- [x] two extension leads\n- [x] whiteboard markers\n- [ ] loudspeaker",
            "The loudspeaker crackles. It is being repaired.",
        ),
    ],
}
REMARKS = {
    "ja": [
        "了解です。",
        "ありがとうございます!",
        "{name}、お願いできますか?",
        "明日の昼までに確認します。",
        "ファイルを更新しました。",
        "この件は次のミーティングで決めましょう。",
        "少し遅れます。先に始めていてください。",
        "資料を読みました。とてもわかりやすかったです。",
    ],
    "en": [
        "Sounds good.",
        "Thank you!",
        "{name}, could you take this?",
        "I will check by noon tomorrow.",
        "I have updated the file.",
        "Let's decide that at the next meeting.",
        "Running late, please start without me.",
        "Read it: very clear.",
    ],
}


def told(random, language, name):
    """Return the title and the messages, (role, text) each, of a session.

    `name` is what somebody else of the group is called.
    """
    values = {
        "name": name,
        "place": random.choice(PLACES[language]),
        "subject": random.choice(SUBJECTS[language]),
        "number": random.randint(2, 12),
        "count": random.randint(14, 36),
        "amount": f"{random.randint(11, 19)},{random.choice('2468')}00",
    }
    title, *texts = random.choice(STORIES[language])
    messages = [said(text.format(**values)) for text in texts[: random.randint(2, len(texts))]]
    for text in random.sample(REMARKS[language], random.choice([0, 0, 1, 1, 2, 4])):
        messages.append(("user", text.format(**values)))
    return title.format(**values), messages


def said(text):
    """Return (role, text) of a message as it is written above."""
    if text.startswith("AI: "):
        return "assistant", text.removeprefix("AI: ")
    return "user", text
