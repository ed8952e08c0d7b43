// The question that stands between the basket and the delivery times.
const forgot = document.getElementById('forgot');
document.getElementById('on').addEventListener('click', () => forgot.showModal());
document.getElementById('stay').addEventListener('click', () => forgot.close());
