package bundle

// languages are those of a bundle, in the order of words; names are what they call themselves.
var languages = []string{"az", "en", "ru"}

var names = map[string]string{"az": "Azərbaycanca", "en": "English", "ru": "Русский"}

// words are all texts of a bundle: Azerbaijani, English, Russian.
var words = map[string][3]string{
	"title":    {"Zənginizin səsyazmasının surəti", "A copy of the recording of your call", "Копия записи вашего звонка"},
	"language": {"Dil", "Language", "Язык"},
	"skip":     {"Dinləməyə keç", "Skip to the recording", "Перейти к записи"},

	"facts":   {"Zəng haqqında", "About the call", "О звонке"},
	"call":    {"Zəng", "Call", "Звонок"},
	"line":    {"Xətt", "Line", "Линия"},
	"begun":   {"Başlanğıc", "Begun", "Начало"},
	"length":  {"Müddət", "Length", "Длительность"},
	"request": {"Sorğu", "Request", "Запрос"},
	"made":    {"Surət hazırlanıb", "Copy made", "Копия сделана"},

	"listen": {"Dinləmək", "Listen", "Прослушать"},
	"player": {"Zəngin səsyazması", "The recording of the call", "Запись звонка"},
	"noplay": {"Brauzer səsi oxuda bilmir: faylı açın.", "This browser plays no sound: open the file.", "Браузер не проигрывает звук: откройте файл."},

	"silenced.operator": {
		"Bu surətdə zəng edənin eşitdikləri (operator, elanlar, musiqi) səssizliklə əvəz edilib.",
		"In this copy what the caller heard (the operator, announcements, music) was replaced by silence.",
		"В этой копии всё, что слышал звонивший (оператор, объявления, музыка), заменено тишиной.",
	},
	"silenced.caller": {
		"Bu surətdə zəng edənin səsi səssizliklə əvəz edilib.",
		"In this copy the voice of the caller was replaced by silence.",
		"В этой копии голос звонившего заменён тишиной.",
	},

	"picture": {"Səsyazmanın şəkli", "Picture of the recording", "Изображение записи"},
	"picture.about": {
		"İki kanal bir zaman oxunda: yuxarıda zəng edən, aşağıda onun eşitdikləri. Aşağıdakı cədvəl eyni şeyi sözlə deyir.",
		"Two channels on one axis of time: above the caller, below what the caller hears. The table below says the same in words.",
		"Два канала на одной оси времени: вверху звонивший, внизу то, что он слышит. Таблица ниже говорит то же словами.",
	},
	"side.caller":  {"Zəng edən", "Caller", "Звонивший"},
	"side.heard":   {"Zəng edənin eşitdikləri", "What the caller hears", "Что слышит звонивший"},
	"lane.happens": {"Nə baş verir", "What happens", "Что происходит"},
	"lane.talks":   {"Kiminlə danışır", "Talks to", "С кем говорит"},

	"kind.notice": {"Xəbərdarlıq", "Notice", "Уведомление"},
	"kind.wait":   {"Gözləmə", "Wait", "Ожидание"},
	"kind.talk":   {"Söhbət", "Talk", "Разговор"},
	"kind.hold":   {"Saxlama", "Hold", "Удержание"},
	"kind.pause":  {"Fasilə", "Pause", "Пауза"},
	"kind.gap":    {"Yazılmayıb", "Not written", "Не записано"},
	"kind.mark":   {"Hadisə", "Event", "Событие"},

	"about.notice": {"zəng edən səsyazma barədə xəbərdar edilir", "the caller is told of the recording", "звонившего уведомляют о записи"},
	"about.wait":   {"zəng edən növbədə gözləyir", "the caller waits in a queue", "звонивший ждёт в очереди"},
	"about.talk":   {"zəng edən kiminləsə danışır", "the caller talks to somebody", "звонивший разговаривает"},
	"about.hold":   {"tərəflərdən biri xətti saxlayıb", "one of the two holds the line", "одна из сторон удерживает линию"},
	"about.pause":  {"səsyazma dayandırılıb", "the recording is paused", "запись приостановлена"},
	"about.gap":    {"kanal bilərəkdən və ya nasazlıq üzündən yazılmayıb", "the channel was not written, on purpose or by a fault", "канал не записан: намеренно или из-за сбоя"},

	"before_notice": {"xəbərdarlıq hələ bitməmişdi", "before the notice was over", "уведомление ещё не закончилось"},
	"no_notice":     {"xəbərdarlıq tam səslənməyib", "no notice was heard whole", "уведомление не прозвучало полностью"},
	"hold":          {"xətt saxlanılıb", "on hold", "на удержании"},
	"waiting":       {"heç kim qoşulmayıb", "nobody is joined", "никто не подключён"},
	"secret":        {"məxfi məlumat oxunur", "a secret is read back", "зачитываются секретные данные"},
	"emergency":     {"təcili xidmətlə söhbət", "a talk with the emergency service", "разговор с экстренной службой"},
	"disk":          {"texniki nasazlıq", "a technical fault", "технический сбой"},
	"overflow":      {"texniki nasazlıq", "a technical fault", "технический сбой"},
	"codec":         {"texniki nasazlıq", "a technical fault", "технический сбой"},
	"unknown":       {"səbəb məlum deyil", "the reason is not known", "причина неизвестна"},

	"paused": {"səsyazma dayandırılmışdı", "the recording was paused", "запись была приостановлена"},

	"silent": {"bu surətdə səssizlik", "silence in this copy", "в этой копии тишина"},

	"by.caller":   {"zəng edən tərəfindən", "by the caller", "звонившим"},
	"by.operator": {"operator tərəfindən", "by the operator", "оператором"},

	"mark.transferring": {"başqasına yönləndirmə başlayır", "a transfer to somebody else begins", "начинается перевод на другого"},
	"mark.transferred":  {"yönləndirmə bitib", "the transfer is over", "перевод завершён"},
	"mark.handed_over":  {"zəng ötürülüb", "the call is handed over", "звонок передан"},
	"mark.lost":         {"operatorun telefonu ilə əlaqə kəsilib", "the operator's telephone was lost", "связь с телефоном оператора потеряна"},
	"mark.emergency":    {"təcili hal", "emergency", "экстренный случай"},

	"table":   {"Nə baş verib", "What happened", "Что произошло"},
	"from":    {"Başlanğıc", "From", "С"},
	"to":      {"Son", "To", "До"},
	"what":    {"Nə", "What", "Что"},
	"channel": {"Kanal", "Channel", "Канал"},
	"details": {"Təfərrüat", "Details", "Подробности"},
	"both":    {"hər ikisi", "both", "оба"},
	"play":    {"Buradan dinlə", "Play from here", "Слушать отсюда"},

	"verify": {"Dəyişdirilmədiyini yoxlamaq", "See that nothing was changed", "Проверить, что ничего не изменено"},
	"verify.about": {
		"HOW-TO-VERIFY.txt faylı bunun necə yoxlandığını addım-addım izah edir. Surəti bu açar imzalayıb:",
		"The file HOW-TO-VERIFY.txt tells how, step by step. The copy is signed by this key:",
		"Файл HOW-TO-VERIFY.txt объясняет это по шагам. Копия подписана ключом:",
	},

	"how.title": {
		"Zəngin səsyazmasının surətini necə yoxlamaq olar. Sorğu %s, zəng %s.",
		"How to verify this copy of the recording of a call. Request %s, call %s.",
		"Как проверить эту копию записи звонка. Запрос %s, звонок %s.",
	},
	"how.derived": {
		"Buna görə səs faylı əslindən törəmədir və bu surətlə birlikdə imzalanıb. Əslinin SHA-256 cəmi COPY.json faylındadır: %s.",
		"The sound is therefore derived from the original, and is signed with this copy. The SHA-256 of the original stands in COPY.json: %s.",
		"Поэтому звук является производным от оригинала и подписан вместе с этой копией. Сумма SHA-256 оригинала указана в COPY.json: %s.",
	},
	"how.encrypted": {
		"Səsyazma serverdə şifrələnmiş saxlanılır; manifestdəki cəm şifrələnmiş fayla aiddir. Buradakı səs açılıb və bu surətlə birlikdə imzalanıb.",
		"The recording is kept encrypted; the sum in the manifest is that of the encrypted file. The sound here was decrypted, and is signed with this copy.",
		"Запись хранится в зашифрованном виде; сумма в манифесте относится к зашифрованному файлу. Звук здесь расшифрован и подписан вместе с этой копией.",
	},
	"how.before": {
		"Sizə lazımdır: sha256sum və OpenSSL 3 və ya daha yenisi (Linux-da var; Windows-da WSL və ya Git Bash). ZIP faylını açın, bu qovluqda terminal açın və əmrləri növbə ilə icra edin. Hər biri xətasız bitməlidir; ilk xəta o deməkdir ki, nəsə dəyişdirilib.",
		"You need sha256sum and OpenSSL 3 or later (Linux has them; on Windows WSL or Git Bash). Unpack the ZIP, open a terminal in this folder, and run the commands one after another. Each must end without an error; the first error means that something was changed.",
		"Вам нужны sha256sum и OpenSSL 3 или новее (есть в Linux; в Windows — WSL или Git Bash). Распакуйте ZIP, откройте терминал в этой папке и выполните команды по порядку. Каждая должна завершиться без ошибки; первая ошибка означает, что что-то изменено.",
	},
	"how.sums": {
		"Heç bir fayl çatışmır və heç biri dəyişdirilməyib. Hər fayl üçün \"OK\" çıxmalıdır.",
		"No file is missing and none was changed. Each file must be \"OK\".",
		"Ни один файл не пропал и не изменён. Для каждого файла должно быть \"OK\".",
	},
	"how.signature": {
		"Cəmlərin siyahısını açarın sahibi imzalayıb: \"Signature Verified Successfully\".",
		"The list of sums was signed by the owner of the key: \"Signature Verified Successfully\".",
		"Список сумм подписан владельцем ключа: \"Signature Verified Successfully\".",
	},
	"how.key": {
		"Açarın adı budur. Onu qurumun dərc etdiyi adla tutuşdurun (aşağıya baxın).",
		"This is the name of the key. Compare it with the one that the office publishes (see below).",
		"Это имя ключа. Сравните его с тем, которое публикует учреждение (см. ниже).",
	},
	"how.sound": {
		"Manifest məhz bu səs faylını adlandırır.",
		"The manifest names this very sound.",
		"Манифест называет именно этот звук.",
	},
	"how.manifest": {
		"Manifesti səsyazma bağlananda elə həmin açar imzalayıb.",
		"The manifest itself was signed by the same key, when the recording was sealed.",
		"Сам манифест подписан тем же ключом при закрытии записи.",
	},
	"how.key.why": {
		"Açarın adı %s ictimai açarın SHA-256 cəminin ilk 16 işarəsidir. İmza yalnız onu göstərir ki, surəti bu açarın sahibi hazırlayıb; açarın quruma məxsus olduğunu qurumun özündən öyrənin: saytından, məktubundan və ya telefonla.",
		"The name of the key, %s, is the first 16 digits of the SHA-256 of the public key. The signature shows that the owner of this key made the copy; that the key is the office's you learn from the office itself: from its site, from its letter, or by telephone.",
		"Имя ключа %s — это первые 16 знаков SHA-256 открытого ключа. Подпись показывает, что копию сделал владелец этого ключа; что ключ принадлежит учреждению, узнайте у него самого: на сайте, в письме или по телефону.",
	},
	"how.files": {
		"Fayllar: %s səs (sol kanal zəng edən, sağ kanal onun eşitdikləri); %s manifest; COPY.json bu surətin necə hazırlandığı; node.pub.pem ictimai açar; index.html səsyazmanı oxudan səhifə; SHA256SUMS faylların cəmləri; SHA256SUMS.sig onların imzası.",
		"Files: %s the sound (left the caller, right what the caller hears); %s the manifest; COPY.json how this copy was made; node.pub.pem the public key; index.html a page that plays the recording; SHA256SUMS the sums of the files; SHA256SUMS.sig their signature.",
		"Файлы: %s — звук (слева звонивший, справа то, что он слышит); %s — манифест; COPY.json — как сделана эта копия; node.pub.pem — открытый ключ; index.html — страница, которая проигрывает запись; SHA256SUMS — суммы файлов; SHA256SUMS.sig — их подпись.",
	},
}
