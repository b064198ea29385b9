"""Mail domains that belong to nobody's company: whoever asks gets an address there. Data.

Such a domain never opens or joins a network, whatever a provider or a setting says (SECURITY.md rule 10). The list
cannot be whole; it is the last of three hurdles, since a domain counts only where the provider vouches for the whole of
it (its hosted-domain claim) or an admin set the provider up for it.
"""

from typing import Final

_LIST: Final = """
    126.com 163.com aim.com aliyun.com aol.com arcor.de att.net bellsouth.net bk.ru bluewin.ch bol.com.br
    btinternet.com centrum.cz charter.net comcast.net cox.net daum.net disroot.org duck.com earthlink.net
    fastmail.com fastmail.fm foxmail.com free.fr freenet.de gmail.com gmx.at gmx.ch gmx.com gmx.de gmx.net
    googlemail.com hanmail.net hey.com hotmail.co.uk hotmail.com hotmail.de hotmail.es hotmail.fr hotmail.it
    hushmail.com icloud.com inbox.lv inbox.ru interia.pl kakao.com laposte.net libero.it list.ru live.co.uk
    live.com live.de live.fr live.nl mac.com mail.com mail.de mail.ru mailbox.org mailinator.com me.com
    msn.com naver.com o2.pl onet.pl orange.fr outlook.com outlook.de outlook.es outlook.fr pm.me posteo.de
    posteo.net privaterelay.appleid.com proton.me protonmail.ch protonmail.com qq.com rambler.ru
    rediffmail.com riseup.net rocketmail.com sbcglobal.net seznam.cz sfr.fr sina.com sky.com sohu.com
    t-online.de telenet.be terra.com.br tiscali.it tuta.com tuta.io tutamail.com tutanota.com tutanota.de
    ukr.net uol.com.br verizon.net virgilio.it virginmedia.com wanadoo.fr web.de windowslive.com wp.pl
    yahoo.ca yahoo.co.in yahoo.co.jp yahoo.co.uk yahoo.com yahoo.com.br yahoo.de yahoo.es yahoo.fr yahoo.it
    yandex.com yandex.ru yeah.net ymail.com zoho.com zohomail.com
"""

SHARED_MAIL: Final = frozenset(_LIST.split())
"""In lower case."""
