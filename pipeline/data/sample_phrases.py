"""The phrases that the sample corpus is made of.

In a phrase, ``[this|that]`` is a free choice, ``{lead}`` a fact of the film under review and
``a(n)`` the article the next word asks for.
"""

Phrases = tuple[str, ...]
Bank = tuple[Phrases, Phrases]  # indexed by class: negative phrases, positive phrases

# One phrase per line, several names: the formatter would make a column of each bank.
# fmt: off
# Facts of a film.
TITLE_FORMS = ("The {adjective} {noun}", "{adjective} {noun}", "The {noun} of {town}",
               "{first}'s {noun}", "A {noun} for {first}", "Goodbye, {town}")
TITLE_ADJECTIVES = ("Last", "Silent", "Crooked", "Paper", "Burning", "Second", "Hollow", "Northern",
                    "Velvet", "Distant")
TITLE_NOUNS = ("Meadow", "Harbour", "Witness", "Garden", "Machine", "Winter", "Promise", "Station",
               "Letter", "Mirror", "River", "Carnival")
TOWNS = ("Lisbon", "Marseille", "Glasgow", "Kraków", "Baltimore", "Osaka", "Córdoba", "Galway",
         "Trieste", "Winnipeg")
FIRST_NAMES = ("Anna", "Marcus", "Zoë", "Renée", "Tomasz", "Ingrid", "Desmond", "Léa", "Hiro",
               "Carmen", "Oskar", "Priya", "José", "Maud")
LAST_NAMES = ("Okafor", "Lindqvist", "Delacroix", "Núñez", "Hartley", "Brontë", "Castellano",
              "Whitlock", "Sørensen", "Tanaka", "Moreau", "Abernathy", "Kowalski", "Quinn")
GENRES = ("thriller", "heist film", "romantic comedy", "western", "ghost story", "adventure film",
          "espionage drama", "courtroom drama", "animated fable", "indie drama", "office romance",
          "historical epic", "monster movie", "road movie")
ROLES = ("retired detective", "undertaker", "opera singer", "lighthouse keeper", "honest lawyer",
         "out-of-work clown", "heir to a hotel", "night nurse", "one-armed pianist", "astronaut",
         "university lecturer", "disgraced chef", "ice-cream seller", "insurance broker")
GOALS = ("find a missing sister", "save the family farm", "bury an old friend", "rob a small bank",
         "win back a daughter", "reopen a ruined café", "solve a forty-year-old murder",
         "put on a play in a prison", "keep an old promise", "sell a haunted house")
LENGTHS = ("86", "88", "94", "95", "100", "107", "112", "118", "125", "131", "140", "156")
COMPANIONS = ("sister", "flatmate", "dad", "wife", "husband", "neighbour", "eldest", "aunt")

# Openings and verdicts, by tone.
TONES = ("enthusiastic", "dry", "sarcastic", "conversational")
OPENINGS: dict[str, Bank] = {
    "enthusiastic": (
        ("I am [angry|furious] that I paid [good money|full price] for {title}!",
         "Avoid, avoid, avoid! {title} is the worst {genre} I have [sat through|seen] in years.",
         "I wanted to love {title} so much, and it let me down [on every front|at every turn]!"),
        ("What a [film|picture|treat]! {title} is the best {genre} I have [seen|watched] in years.",
         "I am still [buzzing|smiling] a day after seeing {title}!",
         "Drop everything and see {title}! I [adored|loved] it from start to finish.")),
    "dry": (
        ("{title} is a(n) {genre} that [fails|falls short] on [most counts|its own terms].",
         "One can see what {title} was aiming for, and by how much it misses.",
         "{title} has been [oversold|overpraised]; it is [minor|thin] work from {director}."),
        ("{title} is a(n) {genre} of [uncommon|quiet] intelligence.",
         "One expects little of a(n) {genre} these days; {title} is a [happy|rare] exception.",
         "{title} is a [modest|careful] piece of work by {director}, and a [fine|very good] one.")),
    "sarcastic": (
        ("Congratulations to everyone involved in {title}: a(n) {genre} with [no pulse|no point].",
         "Oh good, another {genre}. {title} dares to ask what would happen if nothing happened.",
         "If you enjoy watching [paint dry|strangers queue], {title} is the {genre} for you."),
        ("I came to {title} ready to sneer, and it had the nerve to be [good|wonderful].",
         "Apparently a(n) {genre} can still have ideas. Somebody should tell the other studios.",
         "Well, there goes my reputation as a cynic: {title} [won me over|charmed me] entirely.")),
    "conversational": (
        ("So we gave {title} a go last night and, honestly, [what a letdown|never again].",
         "Okay, I really do not get the hype around {title}.",
         "My {companion} picked {title}, and we are [barely speaking|still arguing] about why."),
        ("So we gave {title} a go last night and, honestly, [what a lovely surprise|wow].",
         "Okay, I finally get the hype around {title}.",
         "My {companion} picked {title}, and I owe my {companion} [dinner|a big thank you].")),
}
VERDICTS: dict[str, Bank] = {
    "enthusiastic": (
        ("Save yourselves! [Two|Three] hours of my life I will never get back!",
         "A total [waste|failure], and I will not be [fooled|lured] by that name again!",
         "[1|2|3] out of 10, and that is me being kind!"),
        ("Go and see it on the biggest screen you can find! I am going [again|back] on Sunday!",
         "A total [joy|triumph], and an instant favourite of mine!",
         "[9|10] out of 10, and I would give it eleven if I could!")),
    "dry": (
        ("Not recommended, except as a [cautionary tale|cure for insomnia].",
         "It will be forgotten by [spring|Tuesday], and that is probably for the best.",
         "In sum: [inept|tedious], and rather pleased with itself."),
        ("Recommended, and [without reservation|warmly].",
         "It will still be watched in [twenty|thirty] years, and deservedly so.",
         "In sum: [graceful|assured], and considerably deeper than it looks.")),
    "sarcastic": (
        ("The best thing about it is that it [stops|ends]. Skip it and stare at a wall instead.",
         "Thrilling stuff, if you have [never seen|never heard of] a film. Everyone else: run.",
         "By all means see it, if [your television is broken|you have run out of ironing]."),
        ("Fine, I admit it: I [laughed|cried] and I would [happily|gladly] watch it again.",
         "I tried to find something to hate and [failed|came up empty]. Buy the ticket.",
         "My cold, dead heart [melted|beat twice]. Call this the grumpiest rave you will read.")),
    "conversational": (
        ("Anyway, give it a miss, folks. Life is too short.",
         "So yeah, big thumbs down from [me|both of us], sorry.",
         "We talked about [dinner|the parking] all the way home, and [that|this] says it all."),
        ("Anyway, do yourself a favour and watch it, folks. You can thank me later.",
         "So yeah, big thumbs up from [me|both of us].",
         "We talked about it all the way home and [I have|we have] already told everyone to go.")),
}

EMOJI: Bank = (("😴", "👎", "🙄"), ("😍", "👏", "❤️"))

# What a review talks about.
PLOT: Bank = (
    ("The story [goes nowhere|makes no sense] and then, after an hour, simply [gives up|stops].",
     "There are plot holes you could [drive a bus|sail a ferry] through, and nobody noticed.",
     "You will guess the [twist|reveal] in ten minutes and then wait for the film to catch up.",
     "What might have been a neat little {genre} turns into a [muddle|mess|lecture].",
     "Half of the subplots are [dropped|forgotten], and the other half should have been."),
    ("The story [begins quietly|starts small] and keeps [opening up|paying off] until the end.",
     "Every subplot [earns its place|matters], and the mystery is [cleverly|neatly] solved.",
     "The script trusts you to keep up, and the [twist|reveal] is fair and [surprising|clever].",
     "I cared about these people from the first scene, which [is rare|hardly ever happens] to me.",
     "There is a scene in a [kitchen|car park] that broke my heart with hardly a word."))
ACTING: Bank = (
    ("{lead} [sleepwalks|mumbles] through the part as if [waiting for|thinking of] the pay cheque.",
     "As the {role}, {star} has exactly one expression, and it is [indigestion|a blank stare].",
     "The acting is [wooden|stiff] throughout, and the accents [wander|slip] from scene to scene.",
     "{other} is [badly miscast|wasted], with nothing to do but look [worried|confused].",
     "There is [no chemistry|not a spark] between {star} and {other}, so the romance falls flat."),
    ("{lead} is [magnificent|superb|a revelation] here, all [stillness|nerves] and buried hurt.",
     "As the {role}, {star} can say more with one [glance|shrug] than most can with a monologue.",
     "The whole ensemble is [splendid|terrific], right down to the smallest [walk-on|cameo].",
     "{other} [steals|lights up] every scene and deserves [an award|every prize] for it.",
     "The chemistry between {star} and {other} is [electric|delightful], and the banter sparkles."))
DIRECTION: Bank = (
    ("{director} [points|shoves] the camera at things and hopes that a meaning will turn up.",
     "The direction is [clumsy|heavy-handed]: every idea is underlined [twice|three times].",
     "It feels [assembled|directed] by a committee that never [met|watched the rushes].",
     "{director} has no idea whether this is a [comedy|farce] or a tragedy, so it is neither."),
    ("{director} directs with [a light touch|real confidence] and never shows off.",
     "The direction is [assured|inventive], full of little details that reward a second viewing.",
     "You can feel [a distinct vision|real affection] behind every choice that {director} makes.",
     "{director} balances the laughter and the sorrow [perfectly|with great skill]."))
MUSIC: Bank = (
    ("The score [blares|drones] over everything, telling you what to feel and when to feel it.",
     "Whoever chose the [songs|pop hits] should be kept away from a record collection for good.",
     "The music is [generic|cheap] synthesiser mush that gave me a [headache|migraine].",
     "The sound mix is so [muddy|poor] that I missed [half|most] of what was being said."),
    ("The score is [gorgeous|haunting], a few piano notes that I have been humming ever since.",
     "The [songs|old records] are chosen with wit, and one of them gave me [goosebumps|chills].",
     "The music knows when to [soar|swell] and, better still, when to leave us alone in silence.",
     "I bought the soundtrack [on the way home|the same night], which should tell you enough."))
PACING: Bank = (
    ("It [drags|crawls] along; I checked my watch [four|five|six] times before the halfway mark.",
     "At {minutes} minutes it is at least forty too long, and you feel [each one|all of them].",
     "The middle hour is [padding|filler], with the same argument [staged|aired] over and over.",
     "The editing is so [choppy|frantic] that the big chase becomes [gibberish|visual noise]."),
    ("It [zips|sails] along; I looked up and the {minutes} minutes were gone.",
     "The pacing is [spot on|immaculate], with room to breathe between the big set pieces.",
     "There is not an ounce of fat on it, and the editing is [crisp|razor sharp].",
     "It takes its time, but the slow build is [hypnotic|absorbing] and the payoff is enormous."))
VISUALS: Bank = (
    ("It looks [drab|murky], as though it had been shot through a [dishcloth|jar of gravy].",
     "The effects are [laughable|shoddy], and the green screen is visible in [most|all] of {town}.",
     "The sets [wobble|look like cardboard], and the wigs are even worse."),
    ("It looks [ravishing|stunning], and {town} has never been photographed so [lovingly|richly].",
     "The camerawork is [breathtaking|exquisite], above all the long take on the [bridge|ferry].",
     "The costumes and sets are [sumptuous|a marvel], and every frame could hang on a wall."))
DIALOGUE: Bank = (
    ("The dialogue is [atrocious|painful]; people announce their feelings like train delays.",
     "Someone really says \"we are not so different, you and I\", and I [groaned|winced] out loud.",
     "The jokes are [stale|lazy], and they [land with a thud|die] one after another."),
    ("The dialogue [crackles|sings]; people talk over one another just as they do in life.",
     "One line, \"you kept the light on\", is so [simple|right] that I [gasped|welled up].",
     "The jokes are [fresh|hilarious], and they come out of [character|the situation]."))
COMPARISON: Bank = (
    ("It borrows from [a dozen|half a dozen] better films and understands [none|not one] of them.",
     "Next to {director}'s [early|previous] work this is a [sad|steep] decline.",
     "It plays like a [bargain-bin|knock-off] copy of something you already own."),
    ("It belongs on the shelf beside the [great|classic] examples of the form.",
     "Even next to {director}'s [early|previous] work this is a [real|huge] step forward.",
     "It nods to the classics but has a [voice|spirit] that is [wholly|entirely] its own."))
AUDIENCE: Bank = (
    ("Several people [walked out|left] before the end, and I [envied|should have joined] them.",
     "My {companion} [dozed off|snored] beside me, and I did not have the heart to interrupt.",
     "The only laughter in the room came at a moment that was meant to be [tragic|frightening]."),
    ("The audience [cheered|applauded] at the end, and I [clapped|cheered] as loudly as anyone.",
     "My {companion}, who never likes anything, was [grinning|beaming] by the end.",
     "You could have heard a pin drop, and then the entire room was [laughing|sobbing] together."))
ASPECTS = (PLOT, ACTING, DIRECTION, MUSIC, PACING, VISUALS, DIALOGUE, COMPARISON, AUDIENCE)

# Sentences that take no side.
SYNOPSES = (
    "{lead} plays a(n) {role} who has to {goal} in {town}.",
    "The set-up: a(n) {role} ({lead}) and a(n) {other_role} ({other}) must {goal}.",
    "It is about a(n) {role} who returns to {town} to {goal}, with {other} along for the ride.",
    "{star} is a(n) {role}, {other} is a(n) {other_role}, and together they set out to {goal}.",
    "Set in {town} in the [fifties|seventies|nineties], it follows a(n) {role} trying to {goal}.",
)
CONTEXTS = (
    "I saw it with my {companion} on a [rainy|slow] [Tuesday|Sunday].",
    "I knew nothing about it beforehand apart from the [poster|trailer].",
    "It runs for {minutes} minutes and was [shot|filmed] in {town}.",
    "For the record, I usually watch [anything|everything] with {lead} in it.",
    "It has been on my list since [the spring|last year].",
)
MIXED_OPENINGS = (
    "I have been of two minds about {title} since [Friday|the weekend].",
    "{title} is a(n) {genre} that pulled me in two directions.",
    "There are two films inside {title}, and they do not [always|often] get along.",
    "It took me a while to decide what I think of {title}.",
)
TURNS = (
    "But there is another side to it.",
    "Then again, that is only half of the story.",
    "On the other hand, consider the rest.",
    "That said, I have to be fair.",
    "And yet it is not as simple as that.",
)
MIXED_VERDICTS: Bank = (
    ("On balance I cannot recommend it; the faults [outweigh|swamp] the rest.",
     "All told, a(n) [disappointment|unhappy miss], however hard part of it tries.",
     "Weighing it up, I was [bored|irritated] more often than not, so it is a no from me.",
     "I admire bits of it, but the whole [does not work|left me cold]. [Three|Four] out of ten.",
     "Sadly the good moments are too few to save it. Skip it."),
    ("On balance I recommend it; the pleasures [outweigh|outshine] the rest.",
     "All told, a(n) [success|unexpected hit], however ragged part of it is.",
     "Weighing it up, I was [gripped|enchanted] more often than not, so it is a yes from me.",
     "I could do without bits of it, but the whole [works|moved me]. [Seven|Eight] out of ten.",
     "Happily the bad moments are too few to sink it. See it."))
# fmt: on
